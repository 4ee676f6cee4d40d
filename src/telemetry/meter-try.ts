import type { Attempt } from '../core/attempt.ts'
import type { AttemptLayer, Observer } from '../core/hop.ts'
import type { LayerModule, NoParams } from '../core/module.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { countsOf, type EndpointCounts } from './counts.ts'
import { type Duration, verdictKey } from './duration.ts'
import {
  ERROR_TYPE,
  errorType,
  knownMethod,
  METHOD,
  SERVER_ADDRESS,
  SERVER_PORT,
  STATUS,
} from './http-semantics.ts'
import { activeInstruments } from './instruments.ts'
import { semanticsOf } from './semantics.ts'
import { Watch } from './watch.ts'

/**
 * Counts attempts per endpoint and measures each over HTTP as `http.client.request.duration`. Where an instrumentation
 * of undici is at work, that histogram is its business. Where nobody collects the layer does nothing.
 */
export const meterTry: LayerModule<NoParams, AttemptLayer> = {
  role: 'meter-try',
  layer(_params, { clock, events, endpoint }) {
    if (endpoint === undefined) return undefined
    let counts: EndpointCounts | undefined
    return (next) => (attempt, observer) => {
      const instruments = activeInstruments()
      if (instruments === undefined) return next(attempt, observer)
      counts ??= countsOf(events).endpoint(endpoint)
      const duration = semanticsOf(attempt.call).attempts(instruments)
      return next(attempt, new MeteredAttempt(attempt, observer, clock, counts, duration))
    }
  },
}

class MeteredAttempt extends Watch {
  readonly #attempt: Attempt<unknown>
  readonly #clock: Clock
  readonly #counts: EndpointCounts
  readonly #duration: Duration | undefined

  constructor(
    attempt: Attempt<unknown>,
    observer: Observer,
    clock: Clock,
    counts: EndpointCounts,
    duration: Duration | undefined,
  ) {
    super(observer)
    this.#attempt = attempt
    this.#clock = clock
    this.#counts = counts
    this.#duration = duration
  }

  protected override ended(outcome: Outcome): void {
    // An end is decided (law 1); should it not be, it counts as neither good nor bad.
    this.#counts[outcome.class === 'undecided' ? 'ignored' : outcome.class]++
    if (this.#duration !== undefined) this.#record(this.#duration, outcome)
  }

  #record(duration: Duration, outcome: Outcome): void {
    const { call, endpoint, startedMs } = this.#attempt
    const { service } = call.target
    const method = knownMethod(call.method)
    const port = endpoint?.port
    const status = outcome.code ?? this.status
    const error = errorType(outcome, 400)
    const verdict = verdictKey(status, error)
    const series =
      duration.find(service, port, method, verdict) ??
      duration.add(service, port, method, verdict, {
        [METHOD]: method,
        [SERVER_ADDRESS]: service,
        ...(port !== undefined && { [SERVER_PORT]: port }),
        ...(status !== undefined && { [STATUS]: status }),
        ...(error !== undefined && { [ERROR_TYPE]: error }),
      })
    series.record(this.#clock.now() - startedMs)
  }
}
