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
const CODE_OF_A = 0x61
const CODE_OF_F = 0x66
/** 1 at the codes of lower-case digits. */
const HEX = Uint8Array.from({ length: 128 }, (_, code) =>
  Number('0123456789abcdef'.includes(String.fromCharCode(code))),
)
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

/** By hand, for it is read with every request. */
function wellFormed(text: string): boolean {
  if (text.length < LENGTH) return false
  if (text.charCodeAt(2) !== DASH || text.charCodeAt(35) !== DASH || text.charCodeAt(52) !== DASH)
    return false
  if (!areHex(text, 0, 2) || !areHex(text, 3, 35) || !areHex(text, 36, 52) || !areHex(text, 53, LENGTH))
    return false
  if (text.charCodeAt(0) === CODE_OF_F && text.charCodeAt(1) === CODE_OF_F) return false
  // A higher version may continue after a dash, in ways nobody knows yet; version 00 ends here.
  if (text.length === LENGTH) return true
  const current = text.charCodeAt(0) === CODE_OF_0 && text.charCodeAt(1) === CODE_OF_0
  return !current && text.charCodeAt(LENGTH) === DASH && !LINE_BREAK.test(text)
}

function areHex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (HEX[text.charCodeAt(at)] !== 1) return false
  return true
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
