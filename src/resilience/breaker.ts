import type { Call } from '../core/call.ts'
import { stormError } from '../core/errors.ts'
import { type CallLayer, type Hop, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { LayerModule } from '../core/module.ts'
import { isRefusal, type Outcome, refusal } from '../core/outcome.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { Slot } from '../core/service.ts'
import { duration, fields, orFalse, percent, wholeNumber } from '../core/units.ts'
import { OpossumBreaker } from './opossum.ts'
import type { Breaker, BreakerParams, Permit } from './permit.ts'

export type { Breaker, BreakerParams, Permit } from './permit.ts'

export const breakerSchema = orFalse(
  fields({
    errorThreshold: percent(),
    minRequests: wholeNumber(1, 1_000_000),
    openFor: duration(10),
    window: duration(1000),
  }).partial(),
  'an object with errorThreshold, minRequests, openFor and window',
).meta({ description: 'Fails calls to a service fast while too many of them fail' })

/** `breaker`: absent unless asked for. Per-endpoint ejection, on by default, is `outlier`. */
export const breakerPiece: PolicyPiece<BreakerParams | false | undefined> = {
  key: 'breaker',
  scope: 'service',
  schema: breakerSchema,
  defaults: undefined,
  whenPresent: {
    errorThreshold: 0.5,
    minRequests: 20,
    openFor: 10_000,
    window: 10_000,
  } satisfies BreakerParams,
}

/**
 * One breaker per upstream service, above retry: it opens when more than `errorThreshold` of at least `minRequests`
 * calls failed although they were retried, fails fast for `openFor`, then lets one probe through (ARCHITECTURE 7).
 * Ends a call with TULLE_CIRCUIT_OPEN.
 */
export const breaker: LayerModule<BreakerParams | false | undefined, CallLayer> = {
  role: 'breaker',
  piece: breakerPiece,
  layer(params, deps) {
    if (params === undefined || params === false) return undefined
    const kept = deps.service.slot(breakerOf)
    kept.breaker ??= new OpossumBreaker(params, deps)
    return breakerLayer(kept.breaker, deps.service.name)
  },
  reconcile(params, service) {
    const kept = service.slot(breakerOf)
    if (params !== undefined && params !== false) {
      kept.breaker?.adopt(params)
      return
    }
    kept.breaker?.close()
    kept.breaker = undefined
  },
}

/** Outlives policies. */
const breakerOf: Slot<{ breaker: Breaker | undefined }> = {
  name: 'breaker',
  make: () => ({ breaker: undefined }),
  drop: (kept) => kept.breaker?.close(),
}

/** The layer around any breaker. */
export function breakerLayer(breaker: Breaker, service: string): CallLayer {
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      const permit = breaker.take()
      if (permit === undefined) {
        const message = `${service}: the breaker is open, or lets calls back in step by step`
        observer.end(refusal(stormError('TULLE_CIRCUIT_OPEN', message, { layer: 'breaker', service })))
        return NOTHING_TO_CANCEL
      }
      return next(call, new Judge(permit, observer))
    }
}

/** Gives the permit its one ending: at the end of the call, and a probe's already at the head. */
class Judge implements Observer {
  #permit: Permit | undefined
  readonly #up: Observer

  constructor(permit: Permit, up: Observer) {
    this.#permit = permit
    this.#up = up
  }

  sent(): void {
    this.#up.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    if (this.#permit?.probe === true) this.#settle(outcome)
    return this.#up.head(outcome)
  }

  end(outcome: Outcome): void {
    this.#settle(outcome)
    this.#up.end(outcome)
  }

  #settle(outcome: Outcome): void {
    const permit = this.#permit
    this.#permit = undefined
    if (permit === undefined) return
    if (outcome.class === 'ignored' || isRefusal(outcome)) permit.abandon()
    else if (outcome.class === 'failure' && counts(outcome)) permit.failure(outcome.error)
    else permit.success()
  }
}

/**
 * A plain 500, a 429, a polite refusal and a PERMISSION_DENIED (a status without a condition) are answers of a service
 * that works; all other failures are not.
 */
function counts({ condition, status }: Outcome): boolean {
  if (condition === undefined) return status === undefined
  return condition !== '5xx' && condition !== 'rate-limited' && condition !== 'refused-stream'
}
