import type { Call } from '../core/call.ts'
import { CODES } from '../core/codes.ts'
import type { EndpointState } from '../core/endpoint.ts'
import type { EventMap } from '../core/events.ts'
import { type GrpcStatus, type GrpcStatusName, grpcCode, grpcStatusName } from '../core/grpc-status.ts'
import type { Deps } from '../core/module.ts'
import { type Condition, isRefusal, type Outcome } from '../core/outcome.ts'
import type { ServiceState } from '../core/service.ts'
import { lookMs, waitMs } from './backoff.ts'
import { type Budget, budgetOf } from './budget.ts'
import { BUILT_IN_TIMEOUT_MS, timeoutPiece } from './deadline.ts'
import { covered, named, type RetryParams, retryPiece } from './retry-policy.ts'
import { type Waiting, waitingOf } from './waiting.ts'

/** What a call has spent so far. */
export interface Spent {
  /** Endpoints that were tried. */
  readonly endpoints: number
  /** The latest attempt went where an earlier one had been: nothing untried is in rotation. */
  readonly repeated: boolean
  /** Retries that were charged. */
  readonly retries: number
  /** Back-offs since a peer last said how long to wait. */
  readonly backoffs: number
  /** How often it has waited for something to become ready. */
  readonly waits: number
}

export interface Decision {
  readonly afterMs: number
  /** Charged to nobody; at once, unless the call waits. */
  readonly transparent: boolean
  /** The call said that it waits until something is ready: every endpoint is untried again. */
  readonly waits: boolean
  /** The peer said how long: the next back-off of ours begins anew (gRFC A6). */
  readonly told: boolean
}

const AT_ONCE: Decision = { afterMs: 0, transparent: true, waits: false, told: false }

/** How many endpoints are asked for the estimate of a usual answer. */
const SAMPLE = 8

/** Decides whether a failed attempt is followed by another. Holds no state of its own but what the service shares. */
export class RetryRule {
  readonly deps: Deps
  readonly waiting: Waiting
  readonly #params: RetryParams | false
  readonly #on: ReadonlySet<Condition>
  /** Undefined where the policy names no status, so that a success costs no look-up. */
  readonly #statuses: ReadonlySet<GrpcStatusName> | undefined
  readonly #budget: Budget

  constructor(params: RetryParams | false, deps: Deps) {
    this.deps = deps
    this.waiting = deps.service.slot(waitingOf)
    this.#params = params
    this.#on = params === false ? new Set() : covered(params.retryOn)
    this.#statuses = params === false ? undefined : named(params.retryOn)
    this.#budget = deps.service.slot(budgetOf)
  }

  /** Counts a call that is not a retry. */
  deposit(nowMs: number): void {
    this.#budget.deposit(nowMs)
  }

  /** Law 2: the attempt's own bound, or half of what the route gives a call. */
  fairMs(call: Call<unknown>): number {
    const timeoutMs = (call.route.params[timeoutPiece.key] as number | undefined) ?? BUILT_IN_TIMEOUT_MS
    const tryMs = this.#params === false ? undefined : this.#params.tryTimeout
    return Math.min(tryMs ?? Number.POSITIVE_INFINITY, timeoutMs / 2)
  }

  /** Whether an outcome may be followed by another attempt at all; costs a success nothing. */
  concerns(call: Call<unknown>, outcome: Outcome): boolean {
    if (outcome.class === 'failure' || this.#names(call, outcome)) return true
    return outcome.class === 'ignored' && awaits(call, outcome)
  }

  /** Undefined: no other attempt. A decision to retry has been charged. */
  decide(call: Call<unknown>, outcome: Outcome, spent: Spent, nowMs: number): Decision | undefined {
    if (outcome.committed || this.waiting.closed) return undefined
    const again = call.options.retry !== false && !isRefusal(outcome)
    const possible = outcome.unsent && call.replayable && nowMs < call.deadline
    const fresh = !spent.repeated && spent.endpoints < among(this.deps.service, call).length
    if (again && possible && fresh) return AT_ONCE
    if (possible && awaits(call, outcome)) {
      const afterMs = lookMs(spent.waits + 1, this.deps.random)
      return { afterMs, transparent: true, waits: true, told: false }
    }
    return this.#params === false || !again
      ? undefined
      : this.#charged(this.#params, call, outcome, spent, nowMs)
  }

  #charged(
    params: RetryParams,
    call: Call<unknown>,
    outcome: Outcome,
    spent: Spent,
    nowMs: number,
  ): Decision | undefined {
    if (!this.#names(call, outcome)) {
      if (outcome.condition === undefined || !this.#on.has(outcome.condition)) return undefined
      if (!outcome.unsent && !call.idempotent) return undefined
    }
    if (spent.retries >= params.limit) return this.#refuse('limit')
    if (!call.replayable) return this.#refuse('unreplayable')
    const { random, service } = this.deps
    const { retryAfterMs } = outcome
    const afterMs = waitMs(spent.backoffs + 1, retryAfterMs, call.protocol, params.backoff, random)
    if (afterMs === undefined) return undefined
    if (call.deadline - nowMs < afterMs + usualMs(among(service, call), random))
      return this.#refuse('deadline')
    const shared = service.params(retryPiece)
    if (shared !== false) this.#budget.adopt(shared.budget)
    if (!this.#budget.withdraw(nowMs)) return this.#refuse('budget')
    return { afterMs, transparent: false, waits: false, told: retryAfterMs !== undefined }
  }

  #names(call: Call<unknown>, outcome: Outcome): boolean {
    if (this.#statuses === undefined) return false
    // What is charged to nobody is of our own making, but for a deadline that the peer itself saw pass.
    if (outcome.class === 'ignored' && outcome.condition !== 'deadline') return false
    const status = outcome.status ?? localStatus(call, outcome)
    return status !== undefined && this.#statuses.has(status)
  }

  #refuse(reason: EventMap['retry-refused']['reason']): undefined {
    const { events, service } = this.deps
    if (events.wants('retry-refused')) events.emit('retry-refused', { service: service.name, reason })
  }
}

/** gRPC's wait-for-ready: neither a lack of endpoints nor one of connections is a failure to a call that has time. */
function awaits({ options }: Call<unknown>, { unsent, condition, error }: Outcome): boolean {
  if (options.waitForReady !== true) return false
  return (unsent && condition === 'connect-failure') || error?.code === 'TULLE_NO_ENDPOINT'
}

/** What our own fault would be to a gRPC caller: a broken connection is UNAVAILABLE there, as in every gRPC library. */
function localStatus(call: Call<unknown>, { class: verdict, error }: Outcome): GrpcStatusName | undefined {
  if (call.protocol !== 'grpc' || verdict !== 'failure' || error === undefined) return undefined
  return grpcStatusName(grpcCode(CODES[error.code].grpc as GrpcStatus))
}

/** The endpoints that the next attempt is picked from. */
function among(service: ServiceState, { protocol }: Call<unknown>): readonly EndpointState[] {
  return service.speaking?.(protocol) ?? service.endpoints
}

/** What a usual answer takes: the best estimate among a few endpoints, since that is where the next pick goes. */
function usualMs(endpoints: readonly EndpointState[], random: () => number): number {
  const count = Math.min(SAMPLE, endpoints.length)
  const from = endpoints.length > SAMPLE ? Math.floor(random() * endpoints.length) : 0
  let best = Number.POSITIVE_INFINITY
  for (let n = 0; n < count; n++) {
    const endpoint = endpoints[(from + n) % endpoints.length]
    if (endpoint !== undefined && endpoint.load.ewmaMs < best) best = endpoint.load.ewmaMs
  }
  return best === Number.POSITIVE_INFINITY ? 0 : best
}
