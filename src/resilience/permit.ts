export interface BreakerParams {
  /** It opens when more than this fraction of calls fails. */
  readonly errorThreshold: number
  /** Calls there must have been in the window. */
  readonly minRequests: number
  /** How long it fails fast before it lets a probe through, in milliseconds. */
  readonly openFor: number
  /** How far back it counts, in milliseconds. */
  readonly window: number
}

/** The port behind which the circuit breaker of a service stands. */
export interface Breaker {
  /** Whether `take` would give a permit now. */
  admits(): boolean
  /** Undefined: fail fast. Every permit is given exactly one ending. */
  take(): Permit | undefined
  /** New parameters; what is open stays open until its probe. */
  adopt(params: BreakerParams): void
  /** Forgets everything and admits everything. */
  close(): void
}

/** Has exactly three endings. One that comes too late, after an opening it did not see, changes nothing. */
export interface Permit {
  /** The one call that decides whether a breaker closes: it is judged at its head, so that a stream does not hold the door. */
  readonly probe: boolean
  success(): void
  failure(error: unknown): void
  /** The call says nothing of the service: its caller left, or a layer of ours refused it. */
  abandon(): void
}
