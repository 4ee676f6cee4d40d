import type { CallOptions } from '../core/call.ts'
import { MAX_DURATION_MS, parseDuration } from '../core/units.ts'
import { mistake } from './mistake.ts'

/** What a caller may say of one call: `mesh.fetch(url, { mesh: { … } })`, the same on `request` and `dispatch`. */
export interface MeshCallOptions {
  /** `'300ms'`, or a number of milliseconds: for the whole call, to its last byte. Stronger than every policy. */
  readonly timeout?: string | number | undefined
  /** False: one attempt, not even a transparent second one. */
  readonly retry?: false | undefined
  /** Whether the call may be executed twice. Default: by method, by Idempotency-Key, by the route. */
  readonly idempotent?: boolean | undefined
  /** Calls with the same key go to the same endpoint, where the balancer knows keys. */
  readonly affinity?: string | undefined
}

export interface ParsedOptions {
  readonly call: CallOptions
  readonly idempotent: boolean | undefined
  readonly affinity: string | undefined
}

const NO_OPTIONS: ParsedOptions = Object.freeze({
  call: Object.freeze({}),
  idempotent: undefined,
  affinity: undefined,
})
const ACCEPTED = ['timeout', 'retry', 'idempotent', 'affinity']

/** Throws TULLE_BAD_CALL, naming the option and what is accepted. */
export function parseCallOptions(mesh: unknown): ParsedOptions {
  if (mesh === undefined || mesh === null) return NO_OPTIONS
  if (typeof mesh !== 'object') throw mistake(`mesh: expected an object, found ${typeof mesh}`)
  const unknown = Object.keys(mesh).find((key) => !ACCEPTED.includes(key))
  if (unknown !== undefined) throw mistake(`mesh.${unknown}: unknown; accepted are ${ACCEPTED.join(', ')}`)
  const { timeout, retry, idempotent, affinity } = mesh as Record<string, unknown>
  if (retry !== undefined && retry !== false)
    throw mistake('mesh.retry: only false is accepted; how to retry is for the policy to say')
  if (idempotent !== undefined && typeof idempotent !== 'boolean')
    throw mistake('mesh.idempotent: expected true or false')
  if (affinity !== undefined && typeof affinity !== 'string')
    throw mistake('mesh.affinity: expected a string')
  return { call: { timeoutMs: parseTimeout(timeout), retry }, idempotent, affinity }
}

function parseTimeout(timeout: unknown): number | undefined {
  if (timeout === undefined) return undefined
  const ms = typeof timeout === 'string' ? parseDuration(timeout) : timeout
  if (typeof ms === 'number' && ms > 0 && ms <= MAX_DURATION_MS) return ms
  throw mistake(`mesh.timeout: expected a duration such as 300ms or 2s, or a number of milliseconds`)
}
