import type { IncomingMessage } from 'node:http'
import type { Ambient } from '../core/ambient.ts'
import type { Call, CallOptions, PeerIdentity, Target } from '../core/call.ts'
import type { Cancel, Observer } from '../core/hop.ts'
import type { Route } from '../core/plan.ts'
import { expressPattern } from './pattern.ts'

/** The adapter's side of an inbound call: where the leaf begins the application's work. */
export interface InboundWire {
  readonly req: IncomingMessage
  begin(call: InboundCall, observer: Observer): Cancel
}

const NO_OPTIONS: CallOptions = Object.freeze({})
const NO_VALUES: readonly string[] = Object.freeze([])
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** One inbound request as the layers see it. */
export class InboundCall implements Call<InboundWire> {
  readonly protocol = 'http'
  readonly method: string
  readonly path: string
  readonly route: Route
  readonly options = NO_OPTIONS
  readonly replayable = false
  readonly idempotent: boolean
  readonly wire: InboundWire
  readonly peer: PeerIdentity
  ambient: Ambient
  target: Target
  deadline = Number.POSITIVE_INFINITY
  covers = 'call' as const
  attempts = 0
  /** Where a framework says its pattern itself; else it is looked for on the request. */
  patternOf: (() => string | undefined) | undefined

  constructor(
    wire: InboundWire,
    method: string,
    path: string,
    route: Route,
    target: Target,
    peer: PeerIdentity,
    ambient: Ambient,
  ) {
    this.wire = wire
    this.method = method
    this.path = path
    this.route = route
    this.target = target
    this.peer = peer
    this.ambient = ambient
    this.idempotent = SAFE.has(method)
  }

  get pattern(): string | undefined {
    return this.patternOf === undefined ? expressPattern(this.wire.req) : this.patternOf()
  }

  /** From the raw headers: Node's joined view hides what was sent twice, and drops what it takes for a repetition. */
  headerValues(name: string): readonly string[] {
    const { rawHeaders } = this.wire.req
    let values: string[] | undefined
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const given = rawHeaders[index]!
      if (given.length !== name.length || (given !== name && given.toLowerCase() !== name)) continue
      values ??= []
      values.push(rawHeaders[index + 1]!)
    }
    return values ?? NO_VALUES
  }

  setAmbient(ambient: Ambient): void {
    this.ambient = ambient
  }

  fork(): undefined {
    return undefined
  }
}
