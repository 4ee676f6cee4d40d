import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { Agent, buildConnector } from 'undici'
import { createFetch } from '../../src/http/fetch.ts'
import { Harness } from './http-harness.ts'

const CODINGS = {
  gzip: ['gzip', gzipSync],
  'x-gzip': ['x-gzip', gzipSync],
  br: ['br', brotliCompressSync],
  deflate: ['Deflate', deflateSync],
  'raw-deflate': ['deflate', deflateRawSync],
  'gzip-br': ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
} as const

/** What the server is told to answer, in the query of the URL. */
export interface Answer {
  readonly status?: number
  readonly statusText?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  /** How many times the body, in place of once. */
  readonly times?: number
  /** How the body comes: with its length, in chunks, compressed, half of it and then nothing, cut, or not even a head. */
  readonly how?:
    | 'length'
    | 'chunks'
    | keyof typeof CODINGS
    | 'half-gzip'
    | 'not-gzip'
    | 'unknown-coding'
    | 'half'
    | 'cut'
    | 'no-head'
    | 'reset'
  /** Where it redirects to, and what is answered there. */
  readonly location?: string
}

export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: readonly string[]
  body: string
  /** The client gave it up, or its answer. */
  cut: boolean
}

export const urlOf = (answer: Answer, rest = ''): string =>
  `http://orders.mesh/answer?${encodeURIComponent(JSON.stringify(answer))}${rest}`

/** A server that answers as it is told and writes down what it saw. */
export class TellingServer {
  seen: Seen[] = []
  /** Connections that were made. */
  connections = 0
  #waiting: (() => void)[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((req, res) => void this.#answer(req, res))

  async listen(): Promise<number> {
    this.#server.on('connection', (socket: Socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** The next request is there, whole. */
  arrived(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.on('error', () => {})
    const seen: Seen = {
      method: req.method,
      url: req.url,
      headers: req.rawHeaders,
      body: '',
      cut: false,
    }
    this.seen.push(seen)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of req) chunks.push(chunk as Buffer)
    } catch {
      seen.cut = true
      return
    }
    seen.body = Buffer.concat(chunks).toString('latin1')
    res.on('close', () => {
      if (!res.writableFinished) seen.cut = true
    })
    const question = req.url?.indexOf('?') ?? -1
    const query = question < 0 ? '' : (req.url as string).slice(question + 1).split('&')[0]
    const answer = JSON.parse(query?.startsWith('%7B') === true ? decodeURIComponent(query) : '{}') as Answer
    send(answer, res)
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

function send(answer: Answer, res: ServerResponse): void {
  const { status = 200, statusText, headers = [], body = '', times = 1, how = 'length', location } = answer
  if (how === 'no-head') return
  if (how === 'reset') return void res.destroy()
  res.sendDate = false
  res.statusCode = status
  if (statusText !== undefined) res.statusMessage = statusText
  const flat = new Map<string, string[]>()
  for (const [name, value] of headers) flat.set(name, [...(flat.get(name) ?? []), value])
  for (const [name, values] of flat) res.setHeader(name, values)
  if (location !== undefined) res.setHeader('location', location)
  const bytes = Buffer.from(body.repeat(times))
  if (how in CODINGS) {
    const [coding, encode] = CODINGS[how as keyof typeof CODINGS]
    res.setHeader('content-encoding', coding).end(encode(bytes))
  } else if (how === 'half-gzip') {
    const encoded = gzipSync(bytes)
    res.setHeader('content-encoding', 'gzip').end(encoded.subarray(0, encoded.length / 2))
  } else if (how === 'not-gzip') res.setHeader('content-encoding', 'gzip').end(bytes)
  else if (how === 'unknown-coding') res.setHeader('content-encoding', 'x-nothing').end(bytes)
  else if (how === 'chunks') {
    res.write(bytes.subarray(0, bytes.length / 2))
    setImmediate(() => res.end(bytes.subarray(bytes.length / 2)))
  } else if (how === 'length') {
    if (status !== 204 && status !== 304) res.setHeader('content-length', bytes.length)
    res.end(bytes)
  } else {
    res.setHeader('content-length', bytes.length + 10)
    res.write(bytes)
    if (how === 'cut') setTimeout(() => res.destroy(), 10)
  }
}

/** One way to fetch, and the server it reaches under the name `orders.mesh`. */
export interface Arm {
  readonly name: string
  readonly server: TellingServer
  readonly fetch: (input: any, init?: any) => Promise<Response>
  close(): Promise<void>
}

/** The runtime's own fetch, without a mesh: a dispatcher leads every host to the server. */
export async function bareArm(): Promise<Arm> {
  const server = new TellingServer()
  const port = await server.listen()
  const connect = buildConnector({})
  const agent = new Agent({
    pipelining: 1,
    connect: (options, callback) =>
      connect(
        { ...options, protocol: 'http:', hostname: '127.0.0.1', host: '127.0.0.1', port: String(port) },
        callback,
      ),
  })
  return {
    name: 'built-in',
    server,
    fetch: (...given: unknown[]) =>
      (given.length === 0
        ? (fetch as () => Promise<Response>)()
        : fetch(given[0] as string, over(given[1], agent))) as Promise<Response>,
    close: async () => {
      await agent.destroy()
      await server.close()
    },
  }
}

export async function meshArm(): Promise<Arm> {
  const server = new TellingServer()
  const port = await server.listen()
  const harness = new Harness({
    endpoints: [`127.0.0.1:${port}`],
    hosts: ['stock.internal', 'stock.internal:8080', 'stock.internal:6000'],
  })
  return {
    name: 'mesh',
    server,
    fetch: createFetch(harness.dispatcher),
    close: async () => {
      await server.close()
      await harness.close()
    },
  }
}

/** The options as they are, with a dispatcher; what is no object stays what it is, to be refused. */
function over(init: unknown, dispatcher: Agent): RequestInit {
  if (typeof init !== 'object' && typeof init !== 'function') return (init ?? { dispatcher }) as RequestInit
  const target = init ?? {}
  return new Proxy(target, {
    get: (options, name) => {
      if (name === 'dispatcher') return dispatcher
      return Reflect.get(options, name, options)
    },
  }) as RequestInit
}
