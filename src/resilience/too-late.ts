import type { Call } from '../core/call.ts'
import { stormError } from '../core/errors.ts'
import { type CallLayer, type Hop, NOTHING_TO_CANCEL } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import { refusal } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'

/**
 * Inbound: a request whose caller has already given up is refused with TULLE_TOO_LATE before it costs anything.
 * One that passes while the handler runs is the server's business, which answers in its place (`server/exchange.ts`).
 */
export const tooLate: LayerModule<NoParams, CallLayer> = {
  role: 'deadline',
  layer: (_, { clock }) => tooLateLayer(clock),
}

function tooLateLayer(clock: Clock): CallLayer {
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) => {
      const { deadline } = call.ambient
      if (deadline === undefined) return next(call, observer)
      const overdueMs = clock.now() - deadline
      if (overdueMs >= 0) {
        const message = `the caller gave up ${Math.round(overdueMs)} ms before the request was looked at`
        observer.end(refusal(stormError('TULLE_TOO_LATE', message, { layer: 'deadline' })))
        return NOTHING_TO_CANCEL
      }
      call.deadline = deadline
      return next(call, observer)
    }
}
