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
  /** How many may wait at one time; default 10,000. */
  readonly max?: number | undefined
}

/**
 * Answers at once where the asker's tag is not the one in force, else when it changes, and with 304 at the end of the
 * wait that was asked for. One timer, one callback and the socket per waiting poll; nothing is made before there is
 * something to say.
 */
export class LongPolls {
  readonly #clock: Clock
  readonly #max: number
  readonly #waiting = new Set<() => void>()
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
    if (this.#waiting.size >= this.#max)
      throw new Refusal('rate-limited', `${this.#max} long polls are waiting already`, { retryAfterMs: 1000 })
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.#waiting.delete(done)) return
        disarm()
        remove()
        request.raw.socket.off('close', done)
        resolve()
      }
      this.#waiting.add(done)
      const disarm = this.#clock.background(waitMs, done)
      const remove = subject.onChange(done)
      request.raw.socket.once('close', done)
    })
  }
}
