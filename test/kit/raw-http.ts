import { connect, type Socket } from 'node:net'
import { until, within } from './wait.ts'

export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** Everything the server sent until it closed. */
  readonly text: string
}

/** Sends bytes as they are and reads until the server closes. Strings are latin-1, one byte a character. */
export async function rawExchange(port: number, ...chunks: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const client = await rawClient(port)
  for (const chunk of chunks) client.send(chunk)
  await within(client.closed, 5000, 'the end of the connection')
  return parse(client.text())
}

export interface RawClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  send(chunk: string | Buffer): void
  text(): string
  /** Resolves once what was received contains the text. */
  receives(text: string): Promise<void>
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return {
    socket,
    closed,
    send: (chunk) => {
      socket.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
    },
    text: () => received,
    receives: async (text) => {
      await until(() => received.includes(text), { what: `"${text}" from the server`, seen: () => received })
    },
  }
}

/** A GET that asks for the connection to be closed after it. */
export function get(target: string, ...headers: readonly string[]): string {
  return [
    'GET ',
    target,
    ' HTTP/1.1\r\nhost: web\r\nconnection: close\r\n',
    ...headers.map((line) => `${line}\r\n`),
    '\r\n',
  ].join('')
}

function parse(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, end === -1 ? text.length : end).split('\r\n')
  const headers = new Map(
    lines.map(
      (line) =>
        [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const,
    ),
  )
  return {
    status: Number(first.split(' ')[1] ?? 0),
    headers,
    body: end === -1 ? '' : text.slice(end + 4),
    text,
  }
}
