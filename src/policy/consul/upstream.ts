import type { Sourced } from '../base.ts'
import type { AnyPiece } from '../schema.ts'
import type { Upstream } from './entry.ts'
import { LevelDraft, written } from './level.ts'
import type { Told } from './not-honoured.ts'

const READ = new Set(['Name', 'ConnectTimeoutMs', 'Limits', 'PassiveHealthCheck', 'Namespace', 'Partition'])
const READ_OF_LIMITS = new Set(['MaxConnections', 'MaxPendingRequests', 'MaxConcurrentRequests'])
const READ_OF_HEALTH = new Set([
  'MaxFailures',
  'EnforcingConsecutive5xx',
  'MaxEjectionPercent',
  'BaseEjectionTime',
])

/**
 * What the service-defaults of the caller say about those it calls (`UpstreamConfig`, since Consul 1.9).
 * @param path `UpstreamConfig.Defaults.`
 * @param protocol of the service called
 */
export function upstreamLevel(
  upstream: Upstream,
  protocol: string,
  pieces: readonly AnyPiece[],
  told: Told,
  path: string,
): Sourced | undefined {
  const draft = new LevelDraft(pieces, 'service')
  const timeout = upstream.ConnectTimeoutMs || undefined
  if (timeout !== undefined)
    draft.say('connect', { timeout: written(timeout) }, told, `${path}ConnectTimeoutMs`)
  if (upstream.Limits !== undefined) {
    const at = `${path}Limits`
    draft.say('limit', limitOf(upstream.Limits, protocol, told, at), told, at)
    told.rest(upstream.Limits, READ_OF_LIMITS, `${at}.`, 'not known to this version of tulle')
  }
  if (upstream.PassiveHealthCheck !== undefined) {
    const at = `${path}PassiveHealthCheck`
    draft.say('outlier', outlierOf(upstream.PassiveHealthCheck, told, at), told, at)
    told.rest(
      upstream.PassiveHealthCheck,
      READ_OF_HEALTH,
      `${at}.`,
      'endpoints are judged at the end of every call, not at intervals',
    )
  }
  told.rest(upstream, READ, path, 'is about a proxy, and there is none')
  return draft.done()
}

/** Over HTTP/1.1 a connection carries one call at a time, so that its limit is one of calls. */
function limitOf(
  { MaxConnections, MaxConcurrentRequests, MaxPendingRequests }: NonNullable<Upstream['Limits']>,
  protocol: string,
  told: Told,
  path: string,
): object | undefined {
  const connections = protocol === 'http' ? MaxConnections : undefined
  if (MaxConnections !== undefined && connections === undefined)
    told.tell(
      `${path}.MaxConnections`,
      `over ${protocol} a connection carries many calls; MaxConcurrentRequests limits them`,
    )
  const limits = [connections, MaxConcurrentRequests].filter((one) => one !== undefined)
  const limit = {
    ...(limits.length === 0 ? {} : { inFlight: Math.min(...limits) }),
    ...(MaxPendingRequests === undefined ? {} : { queue: MaxPendingRequests }),
  }
  return Object.keys(limit).length === 0 ? undefined : limit
}

function outlierOf(
  health: NonNullable<Upstream['PassiveHealthCheck']>,
  told: Told,
  path: string,
): object | false | undefined {
  const { MaxFailures, EnforcingConsecutive5xx: enforced, MaxEjectionPercent, BaseEjectionTime } = health
  if (enforced === 0) return false
  if (enforced !== undefined && enforced !== 100)
    told.tell(
      `${path}.EnforcingConsecutive5xx`,
      'an endpoint that fails so often is ejected always or, with 0, never',
    )
  const outlier = {
    ...(MaxFailures ? { consecutiveFailures: MaxFailures } : {}),
    ...(MaxEjectionPercent ? { maxEjectedPercent: `${MaxEjectionPercent}%` } : {}),
    ...(BaseEjectionTime === undefined ? {} : { baseEjection: written(BaseEjectionTime) }),
  }
  return Object.keys(outlier).length === 0 ? undefined : outlier
}
