import type { Ambient } from '../core/ambient.ts'
import type { Call, CallOptions, Target } from '../core/call.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { AttemptReport } from '../core/errors.ts'
import type { Route } from '../core/plan.ts'
import { Exchange } from './exchange.ts'
import type { ParsedOptions } from './options.ts'
import { NOBODY } from './receiver.ts'
import type { HttpRequest } from './request.ts'

/** Methods a second execution of which changes nothing (RFC 9110, 9.2.2). TRACE is left out: nobody retries it. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** One outgoing HTTP request as the layers see it. */
export class HttpCall implements Call<Exchange> {
  readonly protocol = 'http'
  readonly method: string
  readonly path: string
  readonly route: Route
  readonly ambient: Ambient
  readonly options: CallOptions
  readonly idempotent: boolean
  readonly wire: Exchange
  readonly affinity: string | undefined
  readonly #host: string
  readonly carriesTrace: boolean
  /** Written by the telemetry room. */
  span: unknown = undefined
  target: Target
  deadline = Number.POSITIVE_INFINITY
  covers: 'call' | 'head' = 'call'
  attempts = 0
  endpoint: Endpoint | undefined = undefined
  trail: AttemptReport[] | undefined = undefined
  readonly #asked: ParsedOptions

  constructor(wire: Exchange, host: string, route: Route, ambient: Ambient, asked: ParsedOptions) {
    const { request } = wire
    this.method = request.method
    this.path = request.path
    this.route = route
    this.ambient = ambient
    this.options = asked.call
    this.idempotent =
      asked.idempotent ??
      (IDEMPOTENT.has(request.method) || request.headers.hasIdempotencyKey || route.idempotent)
    this.wire = wire
    this.affinity = asked.affinity
    this.#host = host
    request.headers.addHost(host)
    this.carriesTrace = request.headers.hasTraceparent
    this.target = { service: route.service }
    this.#asked = asked
  }

  get url(): string {
    return `http://${this.#host}${this.wire.request.target}`
  }

  /** A body in memory can always be sent again; one that comes in pieces only while all of it is kept. */
  get replayable(): boolean {
    return this.wire.replay?.replayable ?? true
  }

  fork(): HttpCall | undefined {
    if (this.wire.replay !== undefined || this.wire.request.upgrade !== undefined) return undefined
    const shadow = new Exchange(this.wire.request as HttpRequest)
    shadow.receiver = NOBODY
    return new HttpCall(shadow, this.#host, this.route, this.ambient, this.#asked)
  }
}
