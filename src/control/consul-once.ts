import { z } from 'zod'
import { type ConsulLink, ConsulRefusal } from '../core/consul.ts'
import { MeshError } from '../core/errors.ts'
import { ENTRY_KINDS, type Entries, readEntry } from '../policy/consul/entry.ts'
import { entriesPath, isUnknownKind, listedEntries } from './consul-entry-list.ts'
import { documentsIn, hintFor, type PolicyKey, policyRequest, ruleFor } from './consul-policy-key.ts'
import type { RawEntry } from './kept-consul-entries.ts'
import type { Found } from './last-good.ts'

/** What commands read of Consul, once and without waiting for changes. */

type Link = Pick<ConsulLink, 'send' | 'address'>

/** The documents below a key. Rejects with TULLE_POLICY where there are none, TULLE_CONSUL where they cannot be had. */
export async function readConsulPolicy(link: Link, from: PolicyKey): Promise<ReadonlyMap<string, Found>> {
  const documents = documentsIn(from, await asked(link, from))
  if (documents.size > 0) return documents
  const what = from.prefix ? `no key below ${from.key}` : `no key ${from.key}`
  throw new MeshError('TULLE_POLICY', `there is ${what} in Consul at ${link.address}`, {
    layer: 'policy',
    hint: `Write it with consul kv put, or give the ACL token ${ruleFor(from)}`,
  })
}

async function asked(link: Link, from: PolicyKey) {
  try {
    return await link.send(policyRequest(from))
  } catch (error) {
    const hint = hintFor(from, error)
    if (hint === undefined || !(error instanceof ConsulRefusal)) throw error
    throw new ConsulRefusal(error.status, error.words, error.message, hint)
  }
}

export interface ReadEntries {
  readonly entries: Entries
  /** Entries with a mistake, one line each. */
  readonly mistakes: readonly string[]
}

/** Every config entry that the token may read; kinds that the agent does not know are empty. */
export async function readConsulEntries(link: Link): Promise<ReadEntries> {
  const mistakes: string[] = []
  const entries: Record<string, ReadonlyMap<string, unknown>> = {}
  for (const kind of ENTRY_KINDS) {
    const good = new Map<string, unknown>()
    for (const value of await listed(link, kind)) {
      const { entry, mistake } = readEntry(kind, value)
      if (entry === undefined) mistakes.push(`${kind}/${value.Name}: ${mistake}`)
      else good.set(value.Name, entry)
    }
    entries[kind] = good
  }
  return { entries: entries as Entries, mistakes }
}

async function listed(link: Link, kind: string): Promise<readonly RawEntry[]> {
  try {
    const { body } = await link.send({ method: 'GET', path: entriesPath(kind) })
    return listedEntries(kind, body)
  } catch (error) {
    if (error instanceof ConsulRefusal && isUnknownKind(error)) return []
    throw error
  }
}

const intentionWire = z.looseObject({
  SourceName: z.string(),
  SourceNS: z.string().nullish(),
  DestinationName: z.string(),
  Action: z.string().nullish(),
  Permissions: z.array(z.unknown()).nullish(),
  Precedence: z.number().nullish(),
})
export type ListedIntention = z.infer<typeof intentionWire>

/** The intentions about the callers of a service, the strongest first. */
export async function readIntentions(link: Link, service: string): Promise<readonly ListedIntention[]> {
  const query = { by: 'destination', name: service }
  const { body } = await link.send({ method: 'GET', path: '/v1/connect/intentions/match', query })
  const { data } = z.record(z.string(), z.array(intentionWire).nullable()).safeParse(body)
  if (data !== undefined) return Object.values(data).flatMap((list) => list ?? [])
  throw new MeshError('TULLE_CONSUL', 'the agent answered no list of intentions', { layer: 'consul' })
}
