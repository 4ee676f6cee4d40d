import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { DENIED } from '../core/authorizer.ts'
import { CODES } from '../core/codes.ts'
import type { MeshError } from '../core/errors.ts'
import { REFUSED, RETRY_AFTER } from '../core/header-names.ts'

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  408: 'Request Timeout',
  413: 'Content Too Large',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** What is said of the connection rather than of the request: there is no use for another on it. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'TULLE_DRAINING',
  'TULLE_PEER',
  'TULLE_PLAINTEXT_REFUSED',
  'TULLE_IDENTITY',
  'TULLE_IDENTITY_EXPIRED',
])

interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

/** An error as an HTTP answer: what a stranger may know of it, never its cause, its endpoints or its stack. */
function answerOf(error: MeshError, status: number = CODES[error.code].http): Answer {
  const { code, layer } = error
  const { message, hint } = code === 'TULLE_DENIED' ? DENIED : error
  const body = JSON.stringify({ code, layer, message, hint })
  const headers: Record<string, string> & { connection?: string } = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  }
  // Only refusals: a caller reads this header as "the application has not seen the request".
  if (error.refusal || OF_CONNECTION.has(code)) headers[REFUSED] = code
  // A draining instance names no time: its callers are to go elsewhere, now.
  if (code === 'TULLE_OVERLOADED') headers[RETRY_AFTER] = '1'
  // What cannot be framed with certainty must not be followed by anything on the same connection.
  if (status === 400 || status === 431 || OF_CONNECTION.has(code)) headers.connection = 'close'
  // RFC 9110, 15.5.22: a 426 names what would do.
  if (status === 426) headers.upgrade = 'TLS/1.2, HTTP/1.1'
  return { status, headers, body }
}

const ANSWERED_EARLY = new WeakSet<object>()

/** Remembers that a request was answered before it had arrived whole: should the rest of it be faulty, nothing is said. */
export function answeredEarly({ req }: ServerResponse): void {
  if (!req.complete) ANSWERED_EARLY.add(req.socket)
}

export function wasAnsweredEarly(socket: Duplex): boolean {
  return ANSWERED_EARLY.has(socket)
}

/** Answers with an error where the head is still ours to write. */
export function refuse(res: ServerResponse, error: MeshError): void {
  if (res.headersSent || res.destroyed) return
  const { status, headers, body } = answerOf(error)
  // What the application has set so far belongs to an answer that will not come.
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  answeredEarly(res)
  res.writeHead(status, headers)
  res.end(body)
}

/**
 * The same where there is no response object to use: before a request is parsed, after an upgrade, or beside a
 * handler that still holds its response. The connection ends with it.
 *
 * @param method of the request; a HEAD gets no body
 */
export function refuseRaw(socket: Duplex, error: MeshError, method?: string, status?: number): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const answer = answerOf(error, status)
  let text = `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? 'Error'}\r\n`
  for (const [name, value] of Object.entries({ ...answer.headers, connection: 'close' }))
    text += `${name}: ${value}\r\n`
  socket.end(`${text}\r\n${method === 'HEAD' ? '' : answer.body}`, () => socket.destroy())
}
