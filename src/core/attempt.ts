import type { Call } from './call.ts'
import type { Endpoint, EndpointState } from './endpoint.ts'

/** One try of a call. Hedges never share one. */
export interface Attempt<W> {
  readonly call: Call<W>
  /** From 1. */
  readonly number: number
  /** In `Clock.now()` milliseconds. */
  readonly startedMs: number
  /** How long an attempt must have had before a passed deadline is the peer's fault (law 2). */
  readonly fairMs: number
  /** Endpoints earlier attempts of this call went to. */
  readonly tried: ReadonlySet<Endpoint>
  /** Earlier attempts were made, and none of them reached anybody. */
  readonly unreached?: boolean | undefined
  /** Headers that layers add to this attempt alone, lower case. May be made when it is first asked for. */
  readonly outbox: Map<string, string>
  /** False: nobody has asked for the outbox, so there is nothing in it. */
  readonly hasOutbox?: boolean | undefined
  /** Set by pick. */
  endpoint?: EndpointState | undefined
}
