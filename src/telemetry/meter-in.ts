import type { Call } from '../core/call.ts'
import type { Events } from '../core/events.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { traceIdOf } from './context.ts'
import { activeInstruments, type Instruments } from './instruments.ts'
import { semanticsOf } from './semantics.ts'
import { spanOfOthers } from './trace-in.ts'
import { Watch } from './watch.ts'

/**
 * Measures every inbound request, refused ones included, as `http.server.request.duration` or
 * `rpc.server.call.duration`, and tells it to whoever listens to `request` events. Where an instrumentation of the
 * application watches the request, the histogram is its.
 */
export const meterIn: LayerModule<NoParams, CallLayer> = {
  role: 'meter',
  layer:
    (_params, { clock, events, service }) =>
    (next) =>
    (call, observer) => {
      const theirs = call.span === undefined && spanOfOthers(call) !== undefined
      const instruments = theirs ? undefined : activeInstruments()
      if (instruments === undefined && !events.wants('request')) return next(call, observer)
      return next(call, new MeteredRequest(call, observer, clock, events, service.name, instruments))
    },
}

class MeteredRequest extends Watch {
  readonly #call: Call<unknown>
  readonly #clock: Clock
  readonly #events: Events
  readonly #service: string
  readonly #instruments: Instruments | undefined
  readonly #startedMs: number

  constructor(
    call: Call<unknown>,
    observer: Observer,
    clock: Clock,
    events: Events,
    service: string,
    instruments: Instruments | undefined,
  ) {
    super(observer)
    this.#call = call
    this.#clock = clock
    this.#events = events
    this.#service = service
    this.#instruments = instruments
    this.#startedMs = clock.now()
  }

  protected override ended(outcome: Outcome): void {
    const call = this.#call
    const durationMs = this.#clock.now() - this.#startedMs
    const semantics = semanticsOf(call)
    const status = semantics.answered(outcome, this.status)
    if (this.#instruments !== undefined)
      semantics.recordRequest(this.#instruments, call, outcome, status, durationMs)
    if (this.#events.wants('request')) this.#tell(outcome, status, durationMs)
  }

  #tell(outcome: Outcome, status: number | undefined, durationMs: number): void {
    const call = this.#call
    this.#events.emit('request', {
      protocol: call.protocol,
      service: this.#service,
      method: call.method,
      route: semanticsOf(call).routeOf(call),
      path: call.path,
      status,
      peer: call.peer?.id ?? call.peer?.address,
      outcome,
      durationMs,
      traceId: traceIdOf(call),
    })
  }
}
