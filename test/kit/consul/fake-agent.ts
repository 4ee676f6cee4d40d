import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { durationMs } from './duration.ts'
import { json, type Reply } from './replies.ts'
import { matches, type Path, RequestLog } from './request-log.ts'

interface Value {
  body: unknown
  index: number
}

interface Held {
  readonly path: string
  readonly wake: () => void
}

/**
 * A server that stands where a real agent cannot be made to misbehave. Left alone it answers blocking queries for what
 * was `set` as an agent does; replies of `next` and `always` come before that. A query that waits is answered anew by
 * whatever is arranged for its path meanwhile.
 */
export class FakeAgent {
  readonly log = new RequestLog()
  readonly #server: Server
  readonly #values = new Map<string, Value>()
  readonly #next: { readonly path: Path; readonly reply: Reply }[] = []
  readonly #always = new Map<Path, Reply>()
  readonly #held = new Set<Held>()
  #index = 10

  private constructor(server: Server) {
    this.#server = server
    this.log.watch(server)
    server.on('request', (request, response) => void this.#serve(request, response))
  }

  static async start(): Promise<FakeAgent> {
    const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FakeAgent(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The greatest index it has given out. */
  get index(): number {
    return this.#index
  }

  /** What GET answers there from now on. @param index Default one more than the greatest so far; any is allowed. */
  set(path: string, body: unknown, index: number = this.#index + 1): void {
    this.#index = Math.max(this.#index, index)
    this.#values.set(path, { body, index })
    this.#wake(path)
  }

  /** Answers the next requests of a path, one each, those that wait first. */
  next(path: Path, ...replies: readonly Reply[]): void {
    for (const reply of replies) this.#next.push({ path, reply })
    this.#wake(path)
  }

  /** Answers every request of a path, until `sane`. */
  always(path: Path, reply: Reply): void {
    this.#always.set(path, reply)
    this.#wake(path)
  }

  /** Takes back `next` and `always`, for one path or for all. */
  sane(path?: Path): void {
    const same = (other: Path): boolean => path === undefined || String(other) === String(path)
    for (const other of [...this.#always.keys()]) if (same(other)) this.#always.delete(other)
    this.#next.splice(0, this.#next.length, ...this.#next.filter((step) => !same(step.path)))
  }

  /** Ends every connection with a RST. */
  drop(): void {
    this.#server.closeAllConnections()
  }

  async close(): Promise<void> {
    for (const held of this.#held) held.wake()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const { path, query } = this.log.note(request, response)
    for await (const _ of request) {
      // A body is read and dropped: an answer to half a request would be a fault of its own.
    }
    const knows = Number(query.get('index') ?? 0)
    const untilMs = performance.now() + (durationMs(query.get('wait') ?? '') ?? 300_000)
    for (;;) {
      const reply = this.#replyTo(path)
      if (reply !== undefined) return reply(response)
      const value = this.#values.get(path)
      if (value === undefined) return json('', { status: 404, index: this.#index })(response)
      // As Consul does: it waits while the index is not past what the client knows.
      if (knows === 0 || value.index > knows || performance.now() >= untilMs)
        return json(value.body, { index: value.index })(response)
      await this.#hold(path, response, untilMs - performance.now())
      if (response.destroyed) return
    }
  }

  #replyTo(path: string): Reply | undefined {
    const at = this.#next.findIndex((step) => matches(step.path, path))
    if (at >= 0) return this.#next.splice(at, 1)[0]?.reply
    for (const [pattern, reply] of this.#always) if (matches(pattern, path)) return reply
    return undefined
  }

  #hold(path: string, response: ServerResponse, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#held.delete(held)
        response.off('close', wake)
        resolve()
      }
      const held: Held = { path, wake }
      const timer = setTimeout(wake, ms)
      this.#held.add(held)
      response.once('close', wake)
    })
  }

  #wake(path: Path): void {
    for (const held of [...this.#held]) if (matches(path, held.path)) held.wake()
  }
}

export const startFakeAgent = (): Promise<FakeAgent> => FakeAgent.start()
