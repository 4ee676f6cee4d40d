import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { answer, type Behaviour } from './behaviour.ts'

/** One request as the ledger saw it arrive. */
export interface Entry {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** When its handler was called, in `performance.now()` milliseconds of the ledger's process. */
  readonly atMs: number
  /** How many times this id had been executed, this one included. */
  readonly execution: number
  /** Bytes of the request body that arrived. */
  received: number
  /** The request body arrived to its end. */
  whole: boolean
  /** When the peer went away before the answer was finished. */
  abortedAtMs?: number
  /** When the answer was handed over whole. */
  finishedAtMs?: number
}

export interface Totals {
  requests: number
  /** Requests of which the ledger saw the whole body. */
  whole: number
  aborted: number
  finished: number
  connections: number
}

export type Programme = (entry: Entry) => Behaviour

export interface Ledger {
  readonly name: string
  readonly port: number
  /** `127.0.0.1:port`. */
  readonly address: string
  readonly entries: readonly Entry[]
  readonly totals: Totals
  readonly openConnections: number
  /** What every request gets from now on, unless it carries `x-ledger` (a behaviour as JSON). */
  behave(programme: Programme | Behaviour): void
  /**
   * How many times a request with this id was executed: its handler was called. A server that answers before the
   * body is there has executed it too, so this counts heads, not bodies.
   */
  executions(id: string): number
  /** Ids executed more than once. */
  repeated(): string[]
  reset(): void
  /** Stops listening and cuts every connection; `reopen` takes the same port. */
  refuse(): Promise<void>
  reopen(): Promise<void>
  /** Cuts the connections that are open now. */
  cut(): void
  close(): Promise<void>
}

/** An HTTP upstream that counts what it executes, by `x-request-id`. `GET /__ledger` answers with its counts. */
export async function startLedger(
  options: { name?: string; port?: number; host?: string } = {},
): Promise<Ledger> {
  const host = options.host ?? '127.0.0.1'
  const name = options.name ?? 'ledger'
  let programme: Programme = () => ({})
  let entries: Entry[] = []
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const totals: Totals = { requests: 0, whole: 0, aborted: 0, finished: 0, connections: 0 }

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    request.on('error', () => {})
    if (request.url === '/__ledger') {
      const executions = Object.fromEntries(counts)
      response.end(JSON.stringify({ totals, executions, entries }))
      return
    }
    const entry = record(request)
    entries.push(entry)
    request.on('data', (chunk: Buffer) => {
      entry.received += chunk.length
    })
    request.on('end', () => {
      entry.whole = true
      totals.whole++
    })
    response.on('close', () => {
      if (response.writableFinished) return
      entry.abortedAtMs = performance.now()
      totals.aborted++
    })
    response.on('finish', () => {
      entry.finishedAtMs = performance.now()
      totals.finished++
    })
    answer(behaviourOf(request, entry), name, entry, request, response)
  }

  const record = (request: IncomingMessage): Entry => {
    const id = String(request.headers['x-request-id'] ?? '')
    const execution = (counts.get(id) ?? 0) + 1
    counts.set(id, execution)
    totals.requests++
    const { method = '', url: path = '', headers } = request
    return { id, method, path, headers, atMs: performance.now(), execution, received: 0, whole: false }
  }

  const behaviourOf = (request: IncomingMessage, entry: Entry): Behaviour => {
    const own = request.headers['x-ledger']
    return typeof own === 'string' ? (JSON.parse(own) as Behaviour) : programme(entry)
  }

  const listen = async (port: number): Promise<Server> => {
    const created = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, handle)
    created.on('connection', (socket) => {
      totals.connections++
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve, reject) => {
      created.once('error', reject)
      created.listen(port, host, resolve)
    })
    return created
  }
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      cut()
    })

  let server = await listen(options.port ?? 0)
  const port = (server.address() as AddressInfo).port
  return {
    name,
    port,
    address: `${host}:${port}`,
    get entries() {
      return entries
    },
    totals,
    get openConnections() {
      return sockets.size
    },
    behave(next) {
      programme = typeof next === 'function' ? next : () => next
    },
    executions: (id) => counts.get(id) ?? 0,
    repeated: () => [...counts].filter(([id, count]) => id !== '' && count > 1).map(([id]) => id),
    reset() {
      entries = []
      counts.clear()
      for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] = 0
    },
    refuse: stop,
    async reopen() {
      server = await listen(port)
    },
    cut,
    close: stop,
  }
}
