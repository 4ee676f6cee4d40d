import type { Call } from '../core/call.ts'
import type { Events } from '../core/events.ts'
import type { CallLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { traceIdOf } from './context.ts'
import {
  answeredStatus,
  ERROR_TYPE,
  errorType,
  knownMethod,
  METHOD,
  ROUTE,
  STATUS,
  URL_SCHEME,
} from './http-semantics.ts'
import { activeInstruments, type Duration } from './instruments.ts'
import { spanOfOthers } from './trace-in.ts'

/**
 * Measures every inbound request, refused ones included, as `http.server.request.duration`, and tells it to whoever
 * listens to `request` events. Where an instrumentation of the application watches the request, the histogram is its.
 */
export const meterIn: LayerModule<NoParams, CallLayer> = {
  role: 'meter',
  layer:
    (_params, { clock, events, service }) =>
    (next) =>
    (call, observer) => {
      const theirs = call.span === undefined && spanOfOthers(call) !== undefined
      const duration = theirs ? undefined : activeInstruments()?.server
      if (duration === undefined && !events.wants('request')) return next(call, observer)
      return next(call, new MeteredRequest(call, observer, clock, events, service.name, duration))
    },
}

class MeteredRequest implements Observer {
  readonly #call: Call<unknown>
  readonly #observer: Observer
  readonly #clock: Clock
  readonly #events: Events
  readonly #service: string
  readonly #duration: Duration | undefined
  readonly #startedMs: number
  #status: number | undefined

  constructor(
    call: Call<unknown>,
    observer: Observer,
    clock: Clock,
    events: Events,
    service: string,
    duration: Duration | undefined,
  ) {
    this.#call = call
    this.#observer = observer
    this.#clock = clock
    this.#events = events
    this.#service = service
    this.#duration = duration
    this.#startedMs = clock.now()
  }

  sent(): void {
    this.#observer.sent?.()
  }

  head(outcome: Outcome): 'deliver' | 'discard' {
    this.#status = outcome.code
    return this.#observer.head(outcome)
  }

  end(outcome: Outcome): void {
    const durationMs = this.#clock.now() - this.#startedMs
    const status = answeredStatus(outcome) ?? this.#status
    if (this.#duration !== undefined) record(this.#duration, this.#call, outcome, status, durationMs)
    if (this.#events.wants('request')) this.#tell(outcome, status, durationMs)
    this.#observer.end(outcome)
  }

  #tell(outcome: Outcome, status: number | undefined, durationMs: number): void {
    const call = this.#call
    this.#events.emit('request', {
      protocol: call.protocol,
      service: this.#service,
      method: call.method,
      route: call.pattern,
      path: call.path,
      status,
      peer: call.peer?.id ?? call.peer?.address,
      outcome,
      durationMs,
      traceId: traceIdOf(call),
    })
  }
}

function record(
  { histogram, labels }: Duration,
  call: Call<unknown>,
  outcome: Outcome,
  status: number | undefined,
  ms: number,
): void {
  const method = knownMethod(call.method)
  const error = errorType(outcome, 500)
  const key = `${method} ${call.pattern} ${status} ${error}`
  histogram.record(
    ms / 1000,
    labels.get(key) ??
      labels.add(key, {
        [METHOD]: method,
        [URL_SCHEME]: 'http',
        ...(call.pattern !== undefined && { [ROUTE]: call.pattern }),
        ...(status !== undefined && { [STATUS]: status }),
        ...(error !== undefined && { [ERROR_TYPE]: error }),
      }),
  )
}
