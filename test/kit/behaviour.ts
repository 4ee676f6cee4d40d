import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Entry } from './ledger.ts'

/** How the ledger answers one request. Everything left out: 200 at once, with a body that echoes the id. */
export interface Behaviour {
  /** Before the head, in milliseconds. */
  readonly delayMs?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** So many bytes of `bodyOf(id)` instead of the echo. */
  readonly bytes?: number
  /** Text instead of the echo. */
  readonly text?: string
  /** Without `content-length`. */
  readonly chunked?: boolean
  /** Without either: the end of the connection ends the body. */
  readonly unframed?: boolean
  /** `head`: no answer at all; `body`: the head and half of the body, then nothing more. */
  readonly hang?: 'head' | 'body'
  /** The connection ends: before any head, or after so many bytes of the body. */
  readonly cut?: { readonly after: 'nothing' | number; readonly how: 'fin' | 'reset' }
  /** The head one byte at a time (`head`), or the body (`body`), with a pause between bytes. */
  readonly drip?: { readonly part: 'head' | 'body'; readonly everyMs: number }
  /** Statuses sent before the real head: 100, 102, 103. */
  readonly informational?: readonly number[]
  readonly trailers?: Readonly<Record<string, string>>
  /** A second, unasked response on the connection once this one is through. */
  readonly extra?: boolean
  /** Ends the connection so many milliseconds after the answer, without having said so. */
  readonly closeAfterMs?: number
  /** Answers before the request body is read. Default: afterwards. */
  readonly early?: boolean
}

/** What the ledger sends as `bytes` for an id: every byte depends on the id and on its place. */
export function bodyOf(id: string, bytes: number): Buffer {
  const unit = Buffer.from(`${id}#`)
  const body = Buffer.alloc(bytes, unit)
  for (let at = 0; at + 8 <= bytes; at += 4096) body.write(at.toString(16).padStart(8, '0'), at, 'latin1')
  return body
}

/** The default body. */
export interface Echo {
  readonly id: string
  readonly from: string
  readonly execution: number
  readonly method: string
  readonly received: number
}

export function answer(
  behaviour: Behaviour,
  from: string,
  entry: Entry,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const begin = (): void => {
    if (behaviour.delayMs === undefined) speak(behaviour, from, entry, response)
    else {
      const timer = setTimeout(() => speak(behaviour, from, entry, response), behaviour.delayMs)
      response.on('close', () => clearTimeout(timer))
    }
  }
  if (behaviour.early === true) begin()
  else request.on('end', begin)
}

function speak(behaviour: Behaviour, from: string, entry: Entry, response: ServerResponse): void {
  const socket = response.socket
  if (socket === null || socket.destroyed || behaviour.hang === 'head') return
  if (behaviour.cut?.after === 'nothing') {
    end(socket, behaviour.cut.how)
    return
  }
  const echo: Echo = {
    id: entry.id,
    from,
    execution: entry.execution,
    method: entry.method,
    received: entry.received,
  }
  const body =
    behaviour.bytes !== undefined
      ? bodyOf(entry.id, behaviour.bytes)
      : Buffer.from(behaviour.text ?? JSON.stringify(echo))
  for (const status of behaviour.informational ?? []) interim(response, status)
  if (behaviour.drip?.part === 'head') {
    dripHead(behaviour.drip.everyMs, body, response)
    return
  }

  const chunked = behaviour.chunked === true || behaviour.trailers !== undefined
  if (behaviour.unframed === true) response.useChunkedEncodingByDefault = false
  response.writeHead(behaviour.status ?? 200, {
    'x-request-id': entry.id,
    'x-from': from,
    ...(chunked || behaviour.unframed === true ? {} : { 'content-length': String(body.length) }),
    ...(behaviour.trailers && entry.method !== 'HEAD'
      ? { trailer: Object.keys(behaviour.trailers).join(', '), 'transfer-encoding': 'chunked' }
      : {}),
    ...behaviour.headers,
  })
  if (entry.method === 'HEAD') {
    response.end()
  } else if (behaviour.cut !== undefined) {
    const { after, how } = behaviour.cut
    // Not at once: where bytes and a reset arrive together, the libuv of Node 20 reports a polite end.
    response.write(body.subarray(0, Math.max(1, after as number)), () => setTimeout(end, 10, socket, how))
  } else if (behaviour.hang === 'body') {
    response.write(body.subarray(0, Math.ceil(body.length / 2)))
  } else if (behaviour.drip?.part === 'body') {
    drip(
      body,
      behaviour.drip.everyMs,
      response,
      (byte) => response.write(byte),
      () => response.end(),
    )
  } else {
    if (behaviour.trailers !== undefined) response.addTrailers(behaviour.trailers)
    response.end(body, () => afterwards(behaviour, entry, socket))
  }
}

/** What the server does to a connection that the client believes to be idle. */
function afterwards(behaviour: Behaviour, entry: Entry, socket: Socket): void {
  if (behaviour.extra === true) {
    const text = `unasked after ${entry.id}`
    socket.write(`HTTP/1.1 200 OK\r\nx-request-id: unasked\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
  }
  if (behaviour.closeAfterMs !== undefined) {
    if (behaviour.closeAfterMs === 0) socket.end()
    else setTimeout(() => socket.end(), behaviour.closeAfterMs)
  }
}

function interim(response: ServerResponse, status: number): void {
  if (status === 100) response.writeContinue()
  else if (status === 102) response.writeProcessing()
  else response.writeEarlyHints({ link: '</style.css>; rel=preload' })
}

function dripHead(everyMs: number, body: Buffer, response: ServerResponse): void {
  const head = Buffer.from(
    `HTTP/1.1 200 OK\r\nx-slow: ${'s'.repeat(64)}\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  const socket = response.socket as Socket
  drip(
    Buffer.concat([head, body]),
    everyMs,
    response,
    (byte) => socket.write(byte),
    () => {},
  )
}

function drip(
  bytes: Buffer,
  everyMs: number,
  response: ServerResponse,
  write: (byte: Buffer) => void,
  done: () => void,
): void {
  let at = 0
  const timer = setInterval(() => {
    if (at < bytes.length) write(bytes.subarray(at, ++at))
    else {
      clearInterval(timer)
      done()
    }
  }, everyMs)
  response.on('close', () => clearInterval(timer))
}

function end(socket: Socket, how: 'fin' | 'reset'): void {
  if (how === 'reset') socket.resetAndDestroy()
  else socket.destroySoon()
}
