/** A W3C trace context as a value: what one process tells the next. Parsing is in `core/traceparent.ts`. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits, not all zero: the parent of whatever comes next. */
  readonly spanId: string
  /** The 8 flag bits; bit 0: sampled. */
  readonly flags: number
  /** The `tracestate` list as it is to be sent on; undefined: none, or it was invalid as a whole. */
  readonly state?: string | undefined
}
