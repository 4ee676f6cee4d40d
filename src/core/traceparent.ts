import type { TraceContext } from './trace-context.ts'
import { readTracestate, trimmed } from './tracestate.ts'

/** The values of both headers, one array element per header line, in the order they arrived. */
export interface TraceHeaders {
  readonly traceparent: readonly string[]
  readonly tracestate: readonly string[]
}

/** `version-traceId-spanId-flags`; every part stands at a fixed place, so nothing need be captured. */
const LENGTH = 55
const DASH = 0x2d
const CODE_OF_0 = 0x30
const CODE_OF_9 = 0x39
const CODE_OF_A = 0x61
const CODE_OF_F = 0x66
const LINE_BREAK = /[\n\r\u2028\u2029]/
const ZERO_TRACE = '0'.repeat(32)
const ZERO_SPAN = '0'.repeat(16)
/** Sampled (Level 1) and random-trace-id (Level 2); the specification wants every other bit sent as zero. */
const KNOWN_FLAGS = 0x03

/**
 * Reads the W3C Trace Context of a request (https://www.w3.org/TR/trace-context/). Undefined: there is none, or it is
 * invalid, and the trace starts anew. An invalid `tracestate` never invalidates `traceparent`; without a valid
 * `traceparent` the `tracestate` is not looked at.
 */
export function readTraceContext(values: TraceHeaders): TraceContext | undefined {
  const { traceparent, tracestate } = values
  if (traceparent.length !== 1) return undefined
  const text = trimmed(traceparent[0] as string)
  if (!wellFormed(text)) return undefined
  const traceId = text.slice(3, 35)
  const spanId = text.slice(36, 52)
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined
  return {
    traceId,
    spanId,
    flags: hexDigit(text, 53) * 16 + hexDigit(text, 54),
    state: tracestate.length === 0 ? undefined : readTracestate(tracestate),
  }
}

/** By hand: read with every request, and a regular expression takes a microsecond where it has gone cold. */
function wellFormed(text: string): boolean {
  if (text.length < LENGTH) return false
  for (let at = 0; at < LENGTH; at++) {
    const code = text.charCodeAt(at)
    if (at === 2 || at === 35 || at === 52) {
      if (code !== DASH) return false
    } else if (code < CODE_OF_0 || code > CODE_OF_F || (code > CODE_OF_9 && code < CODE_OF_A)) return false
  }
  if (text.charCodeAt(0) === CODE_OF_F && text.charCodeAt(1) === CODE_OF_F) return false
  // A higher version may continue after a dash, in ways nobody knows yet; version 00 ends here.
  if (text.length === LENGTH) return true
  const current = text.charCodeAt(0) === CODE_OF_0 && text.charCodeAt(1) === CODE_OF_0
  return !current && text.charCodeAt(LENGTH) === DASH && !LINE_BREAK.test(text)
}

/** Of a digit the format has admitted. */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < CODE_OF_A ? code - CODE_OF_0 : code - CODE_OF_A + 10
}

/** The `traceparent` header of a context, always in version 00, the highest this code knows. */
export function formatTraceparent(context: Pick<TraceContext, 'traceId' | 'spanId' | 'flags'>): string {
  return `00-${context.traceId}-${context.spanId}-0${context.flags & KNOWN_FLAGS}`
}
