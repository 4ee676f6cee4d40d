import type { Attempt } from '../core/attempt.ts'
import type { Call } from '../core/call.ts'
import type { Hop, Tries } from '../core/hop.ts'
import type { Deps, LayerModule } from '../core/module.ts'
import { type RetryParams, retryPiece } from './retry-policy.ts'
import { RetryRule } from './retry-rule.ts'
import { Trial } from './trial.ts'

export { type RetryParams, retryPiece } from './retry-policy.ts'

/**
 * Where a call becomes attempts (SEMANTICS 2.1). Each attempt picks an endpoint afresh and knows which were tried.
 *
 * - What provably never left is sent again at once, whatever the method and the policy, once to each endpoint not
 *   yet tried; nothing is charged for it.
 * - Everything else, and what is unsent once every endpoint was tried, waits a back-off, counts against `limit` and
 *   takes from the service's budget. A request that may have been executed is sent again only if it is idempotent.
 * - A gRPC status that `retryOn` names is sent again in the same way, idempotent or not, and whatever its class: to
 *   name it is to say that such calls may be (gRFC A6).
 * - A call that waits until something is ready (`CallOptions.waitForReady`) looks again, for as long as it has time,
 *   where no endpoint is known or none can be connected to. Nothing is charged for it.
 * - Nothing is sent again once the caller has seen a head, if the body cannot be had again, or if what is left of
 *   the deadline would not do for the wait and a usual answer.
 */
export const retry: LayerModule<RetryParams | false, Tries> = {
  role: 'retry',
  piece: retryPiece,
  layer: retryTries,
}

function retryTries(params: RetryParams | false, deps: Deps): Tries {
  const rule = new RetryRule(params, deps)
  return <W>(next: Hop<Attempt<W>>): Hop<Call<W>> =>
    (call, observer) =>
      new Trial(call, observer, next, rule).start()
}
