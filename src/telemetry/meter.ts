import type { Call } from '../core/call.ts'
import type { Events } from '../core/events.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { traceIdOf } from './context.ts'
import { countsOf } from './counts.ts'
import { ERROR_TYPE } from './http-semantics.ts'
import { activeInstruments, type Instruments } from './instruments.ts'
import { semanticsOf } from './semantics.ts'
import { Watch } from './watch.ts'

/**
 * Measures what the application asked for, once per logical call, as `tulle.client.call.duration`, over gRPC as
 * `rpc.client.call.duration` too, and tells it to whoever listens to `call` events. Where nobody measures and nobody
 * listens it is not there.
 */
export const meter: LayerModule<NoParams, CallLayer> = {
  role: 'meter',
  layer(_params, { clock, events, service }) {
    const counts = countsOf(events)
    counts.watch(service)
    return (next) => (call, observer) => {
      const instruments = activeInstruments()
      if (instruments?.meter !== undefined) counts.attach(instruments.meter)
      if (instruments === undefined && !events.wants('call')) return next(call, observer)
      return next(call, new MeteredCall(call, observer, clock, events, instruments))
    }
  },
}

class MeteredCall extends Watch {
  readonly #call: Call<unknown>
  readonly #clock: Clock
  readonly #events: Events
  readonly #instruments: Instruments | undefined
  readonly #startedMs: number

  constructor(
    call: Call<unknown>,
    observer: Observer,
    clock: Clock,
    events: Events,
    instruments: Instruments | undefined,
  ) {
    super(observer)
    this.#call = call
    this.#clock = clock
    this.#events = events
    this.#instruments = instruments
    this.#startedMs = clock.now()
  }

  protected override ended(outcome: Outcome): void {
    const durationMs = this.#clock.now() - this.#startedMs
    if (this.#instruments !== undefined) {
      record(this.#instruments, this.#call, outcome, durationMs)
      semanticsOf(this.#call).recordCall(this.#instruments, this.#call, outcome, durationMs)
    }
    if (this.#events.wants('call')) this.#tell(outcome, durationMs)
  }

  #tell(outcome: Outcome, durationMs: number): void {
    const call = this.#call
    this.#events.emit('call', {
      protocol: call.protocol,
      service: call.target.service,
      route: call.route.name,
      method: call.method,
      path: call.path,
      endpoint: call.endpoint?.id,
      attempts: call.attempts,
      outcome,
      durationMs,
      policyVersion: call.route.policyVersion,
      traceId: traceIdOf(call),
    })
  }
}

function record({ call: duration }: Instruments, call: Call<unknown>, outcome: Outcome, ms: number): void {
  const error = semanticsOf(call).callError(outcome)
  const { service } = call.target
  const route = call.route.name
  const series =
    duration.find(service, route, outcome.class, error) ??
    duration.add(service, route, outcome.class, error, {
      'tulle.service': service,
      'tulle.route': route,
      outcome: outcome.class,
      ...(error !== undefined && { [ERROR_TYPE]: error }),
    })
  series.record(ms)
}
