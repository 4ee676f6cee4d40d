import { z } from 'zod'
import type { Config } from '../../config.ts'
import { agentOf } from '../../control/agent-of.ts'
import { defaultIn } from '../../control/consul-default.ts'
import { readConsulEntries, readIntentions } from '../../control/consul-once.ts'
import { contentVersion } from '../../control/document.ts'
import { type ConsulLink, ConsulRefusal } from '../../core/consul.ts'
import { isMeshError } from '../../core/errors.ts'
import { consulBase } from '../../policy/consul/base.ts'
import { notHonouredText } from '../../policy/consul/not-honoured.ts'
import { policyPieces } from '../../stack.ts'
import { count } from '../table.ts'
import { span } from '../when.ts'
import type { World } from '../world.ts'
import { type Finding, fail, pass, warn } from './finding.ts'

/** The newest Consul that tulle's own tests run on. */
const TESTED = [1, 8] as const
/** What such a Consul does not have, and is therefore tried on recorded answers alone. */
const UNTRIED =
  'L7 intentions, service-intentions entries, namespaces, partitions and peering are built by the documentation of Consul and not tested on a real agent; docs/consul.md lists what was.'
const MAX_TOLD = 20

const self = z.looseObject({ Config: z.looseObject({ Version: z.string() }) })
const roots = z.looseObject({ TrustDomain: z.string(), Roots: z.array(z.unknown()).nullish() })
const names = z.record(z.string(), z.unknown())

/** Whatever a service on Consul asks the agent for, asked once: is it there, and may this token have it. */
export async function checkConsul(config: Config, world: World): Promise<readonly Finding[]> {
  const link = world.openConsul(agentOf(config))
  try {
    const there = await checkAgent(link, world)
    if (there.verdict === 'fail') return [there]
    const tls = config.mtls !== 'disable' || (config.inbound.mtls ?? 'disable') !== 'disable'
    const about = await said(link, '/v1/agent/self')
    const findings = [
      there,
      ...versionOf(about),
      await checkSight(link),
      ...(tls && !config.certFile ? [await checkRoots(link), await checkLeaf(link, config.service)] : []),
      ...(tls ? [await checkIntentions(link, config, about)] : []),
      ...(await checkEntries(link, config.service)),
    ]
    return findings
  } finally {
    await link.close()
  }
}

async function checkAgent(link: ConsulLink, world: World): Promise<Finding> {
  const asked = world.wall()
  try {
    const { body } = await link.send({ method: 'GET', path: '/v1/status/leader', consistency: 'default' })
    const took = span(world.wall() - asked)
    return typeof body === 'string' && body !== ''
      ? pass(`the agent at ${link.address} answers in ${took}, and its servers have a leader`)
      : warn(
          `the agent at ${link.address} answers, and its servers have no leader`,
          'Until they elect one nothing can be registered or changed: consul operator raft list-peers.',
        )
  } catch (error) {
    return failed(error)
  }
}

function versionOf(about: unknown): readonly Finding[] {
  const version = self.safeParse(about).data?.Config.Version
  if (version === undefined) return []
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const newer = major > TESTED[0] || (major === TESTED[0] && minor > TESTED[1])
  return [
    newer
      ? warn(`Consul ${version} is newer than what tulle is tested on`, UNTRIED)
      : pass(`Consul ${version}`),
  ]
}

/**
 * An ACL token that sees nothing is answered an empty list, like a mesh in which there is nothing (SECURITY, fact 5); of
 * instances Consul shows those alone whose node the token may see.
 */
async function checkSight(link: ConsulLink): Promise<Finding> {
  try {
    const { body } = await link.send({ method: 'GET', path: '/v1/catalog/services' })
    const seen = Object.keys(names.parse(body)).length
    if (seen === 0)
      return warn(
        'the catalog shows no service at all, not even consul',
        'A token without rights sees the same: it needs service_prefix "" and node_prefix "" { policy = "read" }.',
      )
    const eachItem = (): number => 1
    const nodes = await link.send({ method: 'GET', path: '/v1/catalog/nodes', eachItem })
    return Array.isArray(nodes.body) && nodes.body.length > 0
      ? pass(`the catalog shows ${count(seen, 'service')}`)
      : fail(
          `the catalog shows ${count(seen, 'service')} and no node, so that every service looks empty`,
          'The ACL token lacks node_prefix "" { policy = "read" }.',
        )
  } catch (error) {
    return failed(error)
  }
}

async function checkRoots(link: ConsulLink): Promise<Finding> {
  try {
    const { body } = await link.send({ method: 'GET', path: '/v1/agent/connect/ca/roots' })
    const { TrustDomain, Roots } = roots.parse(body)
    return pass(`Connect's CA is there: trust domain ${TrustDomain}, ${count((Roots ?? []).length, 'root')}`)
  } catch (error) {
    return failed(error)
  }
}

async function checkLeaf(link: ConsulLink, service: string): Promise<Finding> {
  try {
    await link.send({ method: 'GET', path: `/v1/agent/connect/ca/leaf/${encodeURIComponent(service)}` })
    return pass(`the agent gives this token a certificate for ${service}`)
  } catch (error) {
    return failed(error)
  }
}

async function checkIntentions(link: ConsulLink, config: Config, about: unknown): Promise<Finding> {
  const { allow, why } =
    config.intentionsDefault === ''
      ? defaultIn(about)
      : { allow: config.intentionsDefault === 'allow', why: 'TULLE_INTENTIONS_DEFAULT' }
  try {
    const list = await readIntentions(link, config.service)
    const otherwise = `otherwise ${allow ? 'allow' : 'deny'} (${why})`
    return pass(`${count(list.length, 'intention')} about calls to ${config.service}; ${otherwise}`)
  } catch (error) {
    return failed(error)
  }
}

async function checkEntries(link: ConsulLink, service: string): Promise<readonly Finding[]> {
  try {
    const { entries, mistakes } = await readConsulEntries(link)
    const { notHonoured } = consulBase(entries, { service, pieces: policyPieces, digest: contentVersion })
    const told = notHonoured.map(notHonouredText)
    return [
      ...mistakes.map((mistake) =>
        fail(`config entry: ${mistake}`, 'It is not in force: consul config write.'),
      ),
      ...told
        .slice(0, MAX_TOLD)
        .map((text) => warn(`config entry, not honoured: ${text}`, 'docs/consul.md says what is.')),
      ...(told.length > MAX_TOLD
        ? [
            warn(
              `${told.length - MAX_TOLD} more things that are not honoured`,
              '`tulle explain` has them all.',
            ),
          ]
        : []),
      ...(mistakes.length + told.length === 0 ? [pass('every config entry is honoured')] : []),
    ]
  } catch (error) {
    return [failed(error)]
  }
}

async function said(link: ConsulLink, path: string): Promise<unknown> {
  try {
    return (await link.send({ method: 'GET', path })).body
  } catch (error) {
    // Only who may read it is told; the rest of the check says what is missing.
    if (error instanceof ConsulRefusal) return undefined
    throw error
  }
}

function failed(error: unknown): Finding {
  if (isMeshError(error)) return fail(error.message, error.hint ?? 'Look at the log of the agent.')
  const message = error instanceof Error ? error.message : String(error)
  return fail(`the agent answers what is no answer: ${message}`, 'Is CONSUL_HTTP_ADDR a Consul agent?')
}
