import { ServerResponse } from 'node:http'
import { REFUSED } from '../core/header-names.ts'

/** The `writeHead` that was there before ours, where it was not Node's: one property less on nearly every response. */
const BEFORE = Symbol('tulle.writeHead')
type WriteHead = (status: number, reason?: unknown, headers?: unknown) => ServerResponse
const NODES = ServerResponse.prototype as unknown as { readonly writeHead: WriteHead }
type Spoken = Omit<ServerResponse, 'writeHead'> & { writeHead: WriteHead; [BEFORE]?: WriteHead }

/**
 * From here on the answer is the application's, and cannot carry the header by which we say that the application has
 * not seen the request. One that hands on the answer of a service it called would hand on that service's refusal, and
 * its own caller would send a request again that was executed here.
 *
 * One function for all responses: with one of its own on each, V8 let much of what requests allocate survive
 * into the old space, and the collections of it took a good part of the server's time.
 */
export function withoutOurWords(res: ServerResponse): void {
  const spoken = res as unknown as Spoken
  if (spoken.writeHead !== NODES.writeHead) spoken[BEFORE] = spoken.writeHead
  spoken.writeHead = writeHeadWithoutOurWords
}

function writeHeadWithoutOurWords(
  this: Spoken,
  status: number,
  reason?: unknown,
  headers?: unknown,
): ServerResponse {
  if (!this.headersSent && this.hasHeader(REFUSED)) this.removeHeader(REFUSED)
  const before = this[BEFORE] ?? NODES.writeHead
  if (typeof reason === 'string') return before.call(this, status, reason, without(headers))
  const given = headers ?? reason
  return given === undefined ? before.call(this, status) : before.call(this, status, without(given))
}

/** Headers in any form `writeHead` takes; the same object where there is nothing to leave out. */
function without(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers
  if (!Array.isArray(headers)) {
    for (const name in headers) if (isOurs(name)) return withoutName(headers)
    return headers
  }
  if (Array.isArray(headers[0])) return headers.filter((pair: unknown[]) => !isOurs(pair[0]))
  return headers.filter((_, index) => !isOurs(headers[index - (index % 2)]))
}

function withoutName(headers: object): object {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isOurs(name)))
}

function isOurs(name: unknown): boolean {
  return typeof name === 'string' && name.length === REFUSED.length && name.toLowerCase() === REFUSED
}
