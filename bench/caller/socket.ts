import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { tlsOptions } from '../certificates.ts'
import { ANSWER_BYTES, type CallerSettings, PATH, POST_BODY } from '../messages.ts'
import type { Caller, Done } from './drive.ts'

/** What a client of the mesh sends beside, for a server that is looked at. */
const COMMON = [
  'host: orders.mesh',
  'connection: keep-alive',
  'accept: */*',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
  'x-envoy-expected-rq-timeout-ms: 5000',
]
const written = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'))
const REQUESTS = {
  GET: written(`GET ${PATH} HTTP/1.1`, ...COMMON, '\r\n'),
  POST: written(
    `POST ${PATH} HTTP/1.1`,
    ...COMMON,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(POST_BODY)}`,
    '',
    POST_BODY,
  ),
}

/** Bytes that were made before, on connections that are kept: no client can cost less. */
export function socketCaller({ ports, certificates }: CallerSettings): Caller {
  const idle: Line[] = []
  const to = { port: ports[0] ?? 0, host: '127.0.0.1', noDelay: true }
  const open = (): Line => {
    const secure = certificates === undefined ? undefined : tlsOptions(certificates, 'bench')
    return new Line(secure === undefined ? connect(to) : connectTls({ ...to, ...secure }), idle)
  }
  return { once: (method, done) => (idle.pop() ?? open()).send(REQUESTS[method], done) }
}

/** One connection, with at most one request on it. */
class Line {
  readonly #socket: Socket
  readonly #idle: Line[]
  #done: Done | undefined
  #expected = 0
  #received = 0

  constructor(socket: Socket, idle: Line[]) {
    this.#socket = socket
    this.#idle = idle
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(new Error('the other side closed a connection it should have kept')))
  }

  send(request: Buffer, done: Done): void {
    this.#done = done
    this.#received = 0
    this.#socket.write(request)
  }

  #read(chunk: Buffer): void {
    if (this.#received === 0) {
      const headEnd = chunk.indexOf('\r\n\r\n')
      const right = headEnd !== -1 && chunk.toString('latin1', 0, 13) === 'HTTP/1.1 200 '
      if (!right) {
        this.#end(new Error(`unexpected answer: ${chunk.toString('latin1', 0, 200)}`))
        return
      }
      this.#expected = headEnd + 4 + ANSWER_BYTES
    }
    this.#received += chunk.length
    if (this.#received < this.#expected) return
    if (this.#received === this.#expected) this.#idle.push(this)
    const wrong = `${this.#received} bytes instead of ${this.#expected}`
    this.#end(this.#received === this.#expected ? undefined : new Error(wrong))
  }

  #end(error: Error | undefined): void {
    const done = this.#done
    this.#done = undefined
    if (error !== undefined) {
      const at = this.#idle.indexOf(this)
      if (at >= 0) this.#idle.splice(at, 1)
    }
    done?.(error)
  }
}
