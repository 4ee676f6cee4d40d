import type { Call } from '../core/call.ts'
import { cancelled } from '../core/cancel.ts'
import { stormError } from '../core/errors.ts'
import type { CallLayer, Cancel, CancelReason, Hop, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import { type Outcome, refusal } from '../core/outcome.ts'
import type { ServiceState } from '../core/service.ts'
import { Descent } from './descent.ts'
import { waitingOf } from './waiting.ts'

/**
 * Holds a call until the first endpoint set of its service has arrived, within the time the call has. Once it has,
 * the layer costs one field read. Ends a call whose time passed with TULLE_NOT_READY.
 */
export const ready: LayerModule<NoParams, CallLayer> = {
  role: 'ready',
  layer: (_, { service }) => readyLayer(service),
}

function readyLayer(service: ServiceState): CallLayer {
  return <W>(next: Hop<Call<W>>): Hop<Call<W>> =>
    (call, observer) =>
      service.ready ? next(call, observer) : hold(service, call, next, observer)
}

function hold<W>(service: ServiceState, call: Call<W>, next: Hop<Call<W>>, observer: Observer): Cancel {
  const way = new Descent()
  const waiting = service.slot(waitingOf)
  let gone = false
  const cancel: Cancel = (reason) => {
    if (way.entered) return way.cancel(reason)
    if (gone) return
    gone = true
    leave()
    waiting.leave(cancel)
    observer.end(verdict(reason, service.name))
  }
  waiting.join(cancel, service.name)
  const leave = service.onReady(() => {
    waiting.leave(cancel)
    way.enter(next, call, observer)
  })
  return cancel
}

const NO_CHANCE = { startedMs: 0, fairMs: Number.POSITIVE_INFINITY }

/** Whoever waited here met no peer, so nothing is charged to one. */
function verdict(reason: CancelReason, service: string): Outcome {
  if (reason.kind !== 'deadline') return cancelled(reason, NO_CHANCE, 0, false, 'queue')
  const error = stormError(
    'TULLE_NOT_READY',
    `${service}: no endpoint set arrived in the time the call had`,
    {
      layer: 'ready',
      service,
      cause: reason.error,
    },
  )
  return { ...refusal(error), condition: 'deadline' }
}
