import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** A path as it stands in a request, without its query; or what it must match. */
export type Path = string | RegExp

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** When it came, by `performance.now()`. */
  readonly atMs: number
  /** `aborted`: the client went away before it had everything. */
  state: 'open' | 'answered' | 'aborted'
  /** What left for the client, bodies and heads, while it was answered. */
  sentBytes: number
}

/** Whether it waits for a change: a blocking query, which names the index it knows. */
export const isBlocking = (request: SeenRequest): boolean => Number(request.query.get('index') ?? 0) > 0

/** What a server was asked, in the order it came, and how much of it at once. */
export class RequestLog {
  readonly seen: SeenRequest[] = []
  /** Connections so far. */
  accepted = 0
  /** Connections that are open. */
  connections = 0
  readonly #most = new Map<string, number>()

  watch(server: Server): void {
    server.on('connection', (socket) => {
      this.accepted++
      this.connections++
      socket.once('close', () => this.connections--)
    })
  }

  note(request: IncomingMessage, response: ServerResponse): SeenRequest {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://agent')
    const before = request.socket.bytesWritten
    const noted: SeenRequest = {
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      atMs: performance.now(),
      state: 'open',
      sentBytes: 0,
    }
    this.seen.push(noted)
    this.#most.set(pathname, Math.max(this.most(pathname), this.open(pathname)))
    response.once('close', () => {
      noted.state = response.writableFinished ? 'answered' : 'aborted'
      noted.sentBytes = request.socket.bytesWritten - before
    })
    return noted
  }

  of(path: Path): SeenRequest[] {
    return this.seen.filter((request) => matches(path, request.path))
  }

  count(path: Path = /./): number {
    return this.of(path).length
  }

  /** Requests that wait for their answer. */
  open(path: Path = /./): number {
    return this.of(path).filter(({ state }) => state === 'open').length
  }

  /** The most that ever waited at once for one path. */
  most(path: string): number {
    return this.#most.get(path) ?? 0
  }

  /** Of every path with a blocking query that waits now, how many wait. */
  blocking(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const request of this.seen)
      if (request.state === 'open' && isBlocking(request))
        counts.set(request.path, (counts.get(request.path) ?? 0) + 1)
    return counts
  }

  /** Forgets what is over. */
  clear(): void {
    this.seen.splice(0, this.seen.length, ...this.seen.filter(({ state }) => state === 'open'))
    this.#most.clear()
  }
}

export function matches(path: Path, asked: string): boolean {
  return typeof path === 'string' ? path === asked : path.test(asked)
}
