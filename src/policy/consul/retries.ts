import type { Destination } from './entry.ts'
import type { Told } from './not-honoured.ts'

/** Statuses of gRPC that Envoy can retry on; policy writes them the same way. */
const GRPC = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable']
/** Envoy's names of conditions, as policy writes them. */
const CONDITIONS: ReadonlyMap<string, string> = new Map([
  ...[...GRPC, '5xx', 'gateway-error', 'reset', 'connect-failure', 'refused-stream'].map(
    (name): [string, string] => [name, name],
  ),
  ['envoy-ratelimited', 'rate-limited'],
])
const GATEWAY = [502, 503, 504]
const MAX_RETRIES = 10
/** Envoy's, where conditions are given and no number. */
const RETRIES = 1

/**
 * What a destination says of retries, as a document writes it; undefined: nothing. A number without conditions keeps
 * ours.
 */
export function retryOf(destination: Destination, told: Told, path: string): object | undefined {
  const { NumRetries, RetryOnConnectFailure, RetryOnStatusCodes, RetryOn } = destination
  const asked = RetryOnConnectFailure || RetryOnStatusCodes.length > 0 || RetryOn.length > 0
  if (!asked && !NumRetries) return undefined
  const limit = NumRetries || RETRIES
  if (limit > MAX_RETRIES) told.tell(`${path}.NumRetries`, `${MAX_RETRIES} at most`)
  const retryOn = new Set(RetryOnConnectFailure ? ['connect-failure'] : [])
  for (const name of RetryOn) {
    const condition = CONDITIONS.get(name)
    if (condition === undefined) told.tell(`${path}.RetryOn`, `${name} is no condition here`)
    else retryOn.add(condition)
  }
  statuses(RetryOnStatusCodes, retryOn, told, `${path}.RetryOnStatusCodes`)
  return { limit: Math.min(limit, MAX_RETRIES), ...(asked ? { retryOn: [...retryOn] } : {}) }
}

/** Layers read conditions, never statuses: a status is honoured where a condition stands for it. */
function statuses(codes: readonly number[], retryOn: Set<string>, told: Told, path: string): void {
  const left = new Set(codes)
  if (left.delete(429)) retryOn.add('rate-limited')
  if ([500, ...GATEWAY].every((code) => left.has(code))) {
    retryOn.add('5xx')
    for (const code of left) if (code >= 500) left.delete(code)
  } else if (GATEWAY.some((code) => left.has(code))) {
    retryOn.add('gateway-error')
    const missing = GATEWAY.filter((code) => !left.delete(code))
    if (missing.length > 0)
      told.tell(path, `gateway-error, which stands for 502, 503 and 504: also ${missing.join(' and ')}`)
  }
  if (left.size > 0) told.tell(path, `no condition stands for ${[...left].join(', ')} alone`)
}
