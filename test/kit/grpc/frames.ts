import { connect, type Socket } from 'node:net'
import type { Cleanup } from '../process.ts'

/** RFC 9113, 6. */
export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const CONTINUATION = 9

export const END_STREAM = 1
export const END_HEADERS = 4

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** What a client of HTTP/2 says first. */
export const HELLO = Buffer.concat([PREFACE, h2Frame(SETTINGS, 0, 0)])
export const CANCEL = Buffer.from([0, 0, 0, 8])

/** One frame of HTTP/2, whatever sense it makes. */
export function h2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A header block of literals that are not indexed (RFC 7541, 6.2.2), their bytes as they are. */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]))
}

/** One that the peer is to remember: the first entry of its dynamic table (RFC 7541, 6.2.1). */
export function indexed(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), literal(name), literal(value)])
}

/** RFC 7541, 5.2, without Huffman: its length as an integer of a prefix of seven bits. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length = [Math.min(127, bytes.length)]
  if (bytes.length >= 127) {
    let left = bytes.length - 127
    for (; left > 127; left >>>= 7) length.push((left & 127) | 128)
    length.push(left)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

/** The headers of a gRPC call. */
export function callHeaders(path: string, more: Readonly<Record<string, string>> = {}): [string, string][] {
  return Object.entries({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'pricing.mesh',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  })
}

export interface RawPeer {
  readonly socket: Socket
  readonly received: () => Buffer
  readonly closed: Promise<void>
}

/** A peer that says exactly these bytes and answers nothing. */
export function rawPeer(t: Cleanup, port: number, ...said: readonly Buffer[]): RawPeer {
  const socket = connect({ port, host: '127.0.0.1' })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  socket.write(Buffer.concat(said))
  return { socket, received: () => Buffer.concat(chunks), closed }
}
