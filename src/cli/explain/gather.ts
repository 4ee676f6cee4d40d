import type { Config } from '../../config.ts'
import { agentOf } from '../../control/agent-of.ts'
import {
  type ListedIntention,
  readConsulEntries,
  readConsulPolicy,
  readIntentions,
} from '../../control/consul-once.ts'
import { isConsulPolicy, policyKey } from '../../control/consul-policy-key.ts'
import { contentVersion } from '../../control/document.ts'
import { type Found, LastGood } from '../../control/last-good.ts'
import { nearest } from '../../control/nearest.ts'
import type { ConsulLink } from '../../core/consul.ts'
import { isMeshError, MeshError } from '../../core/errors.ts'
import { type ConsulBase, consulBase } from '../../policy/consul/base.ts'
import type { PolicyDocument } from '../../policy/document.ts'
import { createParser } from '../../policy/parse.ts'
import { problemText } from '../../policy/problem.ts'
import { policyPieces } from '../../stack.ts'
import { readKept } from '../check/kept.ts'
import { readDocuments } from '../check-policy.ts'
import type { World } from '../world.ts'

/** Everything that decides on calls, read once. */
export interface Gathered {
  readonly documents: readonly PolicyDocument[]
  /** Undefined: Consul's config entries play no part. */
  readonly base: ConsulBase | undefined
  /** What is refused, one line each. */
  readonly refused: readonly string[]
  /** Who may call a service; undefined: intentions play no part. Text: why they cannot be told. */
  readonly intentions: readonly ListedIntention[] | string | undefined
}

/**
 * Reads policy, config entries and intentions as a service started here would.
 * @param policy instead of TULLE_POLICY
 * @param destination whose intentions, once the entries have said where calls end up
 */
export async function gather(
  config: Config,
  world: World,
  policy: string | undefined,
  destination: (base: ConsulBase, documents: readonly PolicyDocument[]) => string,
): Promise<Gathered> {
  const where = policy ?? (typeof config.policy === 'string' ? config.policy : '')
  const consul = config.discovery === 'consul'
  const link = consul || isConsulPolicy(where) ? world.openConsul(agentOf(config)) : undefined
  try {
    const found = await documentsAt(where, config, link)
    const parse = createParser({ pieces: policyPieces, allowedHosts: config.policyHosts, nearest })
    const { documents, problems } = new LastGood(parse).take(found)
    const refused = problems.map(problemText)
    if (!consul || link === undefined) return { documents, base: undefined, refused, intentions: undefined }
    const { entries, mistakes } = await readConsulEntries(link)
    const { service } = config
    const base = consulBase(entries, { service, pieces: policyPieces, digest: contentVersion })
    const intentions = await intentionsOf(link, destination(base, documents))
    return { documents, base, refused: [...refused, ...mistakes], intentions }
  } finally {
    await link?.close()
  }
}

/** @param link undefined: the policy is not in Consul */
export async function documentsAt(
  where: string,
  { planes, joinToken, stateDir, service }: Config,
  link: ConsulLink | undefined,
): Promise<ReadonlyMap<string, Found>> {
  if (isConsulPolicy(where) && link !== undefined) {
    const key = policyKey(where)
    if (key === undefined)
      throw new MeshError('TULLE_CONFIG', `${where} names no key: expected consul://tulle/mesh.yaml`, {
        layer: 'config',
      })
    return readConsulPolicy(link, key)
  }
  if (where !== '') return readDocuments([where])
  if (planes.length === 0 && !joinToken) return new Map()
  const { policy } = await readKept(stateDir, service)
  const encoder = new TextEncoder()
  return new Map((policy?.policy.documents ?? []).map(({ name, text }) => [name, encoder.encode(text)]))
}

async function intentionsOf(link: ConsulLink, service: string): Promise<readonly ListedIntention[] | string> {
  try {
    return await readIntentions(link, service)
  } catch (error) {
    if (!isMeshError(error)) throw error
    return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`
  }
}
