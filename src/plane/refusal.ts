/** What a refusal is called on the wire, and the HTTP status it is answered with. */
const STATUS = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  unknown: 404,
  conflict: 409,
  /** Somebody else does that: the hint says who. */
  elsewhere: 409,
  'too-large': 413,
  'rate-limited': 429,
} as const
export type RefusalKind = keyof typeof STATUS

/**
 * The plane says no, in a sentence for whoever asked: `refusalWire` of core/plane-wire.ts. Never holds a secret, so that
 * it may be logged. Not a fault of the plane: those are MeshErrors.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly kind: RefusalKind
  readonly status: number
  readonly hint: string | undefined
  /** Milliseconds; of `rate-limited` only. */
  readonly retryAfterMs: number | undefined

  constructor(
    kind: RefusalKind,
    message: string,
    { hint, retryAfterMs }: { hint?: string; retryAfterMs?: number } = {},
  ) {
    // No stack: refusals come in storms, and say all there is to say.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.kind = kind
    this.status = STATUS[kind]
    this.hint = hint
    this.retryAfterMs = retryAfterMs
  }

  /** As it goes over the wire. */
  toJSON(): { error: string; message: string; hint?: string } {
    const { kind, message, hint } = this
    return { error: kind, message, ...(hint === undefined ? {} : { hint }) }
  }
}
