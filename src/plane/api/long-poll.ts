import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../core/ports.ts'
import { Refusal } from '../refusal.ts'
import { matches, waitOf } from './etag.ts'

/** Something that changes, and is told as JSON. */
export interface Subject {
  etag(): string
  /** Made once per version by whoever has it. */
  json(): string
  /** @returns the removal */
  onChange(wake: () => void): () => void
}

export interface LongPollsOptions {
  readonly clock: Clock
  /** How many may wait at one time; default 10,000. Half of it for one address where nobody had to prove himself. */
  readonly max?: number | undefined
}

/** Requests can be sent ahead over one connection; ours sends one at a time. */
const OF_ONE_CONNECTION = 4

/**
 * Answers at once where the asker's tag is not the one in force, else when it changes, and with 304 at the end of the
 * wait that was asked for. One timer, one callback and the socket per waiting poll; nothing is made before there is
 * something to say.
 */
export class LongPolls {
  readonly #clock: Clock
  readonly #max: number
  readonly #waiting = new Set<() => void>()
  /** How many wait by connection, and by address where nothing was proved. */
  readonly #shares = new Map<unknown, number>()
  #closed = false

  constructor({ clock, max = 10_000 }: LongPollsOptions) {
    this.#clock = clock
    this.#max = max
  }

  get waiting(): number {
    return this.#waiting.size
  }

  async answer(request: FastifyRequest, reply: FastifyReply, subject: Subject): Promise<FastifyReply> {
    const known = request.headers['if-none-match']
    const waitMs = waitOf(request.headers.prefer)
    if (matches(known, subject.etag()) && waitMs > 0 && !this.#closed)
      await this.#change(request, subject, waitMs)
    const etag = subject.etag()
    reply.header('etag', `"${etag}"`).header('cache-control', 'no-store')
    if (matches(known, etag)) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(subject.json())
  }

  /** Everybody who waits is answered now, and nobody waits any more. */
  close(): void {
    this.#closed = true
    for (const done of [...this.#waiting]) done()
  }

  #change(request: FastifyRequest, subject: Subject, waitMs: number): Promise<void> {
    const { socket } = request.raw
    const shares: [unknown, number][] = [[socket, OF_ONE_CONNECTION]]
    if (request.caller.kind === 'anonymous') shares.push([request.ip, Math.ceil(this.#max / 2)])
    if (this.#waiting.size >= this.#max) throw tooMany(this.#max)
    for (const [who, most] of shares) if (this.#of(who) >= most) throw tooMany(most)
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.#waiting.delete(done)) return
        for (const [who] of shares) this.#count(who, -1)
        disarm()
        remove()
        socket.off('close', done)
        resolve()
      }
      this.#waiting.add(done)
      for (const [who] of shares) this.#count(who, 1)
      const disarm = this.#clock.background(waitMs, done)
      const remove = subject.onChange(done)
      socket.once('close', done)
    })
  }

  #of(who: unknown): number {
    return this.#shares.get(who) ?? 0
  }

  #count(who: unknown, by: 1 | -1): void {
    const now = this.#of(who) + by
    if (now === 0) this.#shares.delete(who)
    else this.#shares.set(who, now)
  }
}

function tooMany(most: number): Refusal {
  return new Refusal('rate-limited', `${most} long polls are waiting already`, { retryAfterMs: 1000 })
}
