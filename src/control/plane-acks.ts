import { type BackoffParams, backoffMs } from '../core/backoff.ts'
import type { PlaneLink } from '../core/plane.ts'
import type { AckWire } from '../core/plane-wire.ts'
import type { Clock, Random } from '../core/ports.ts'

const BACKOFF: BackoffParams = { base: 500, max: 30_000 }
const MAX_REASONS = 50
const MAX_REASON_LENGTH = 2000

/**
 * Tells the plane what this process runs and what it refused. Only the newest counts: it is told until the plane has
 * heard it (full jitter, 500 ms doubling to 30 s) or until there is a newer one.
 */
export class Acknowledger {
  readonly #link: Pick<PlaneLink, 'send'>
  readonly #clock: Clock
  readonly #random: Random
  #current: AckWire | undefined
  #failures = 0
  #disarm = () => {}
  #sending: AbortController | undefined

  constructor(link: Pick<PlaneLink, 'send'>, clock: Clock, random: Random) {
    this.#link = link
    this.#clock = clock
    this.#random = random
  }

  tell(ack: AckWire): void {
    const refused = ack.refused.slice(0, MAX_REASONS).map((reason) => reason.slice(0, MAX_REASON_LENGTH))
    this.#current = { ...ack, refused }
    this.#failures = 0
    this.#send()
  }

  /** The plane may have been restarted and forgotten who runs what. */
  repeat(): void {
    if (this.#current !== undefined) this.tell(this.#current)
  }

  stop(): void {
    this.#current = undefined
    this.#disarm()
    this.#sending?.abort()
  }

  #send(): void {
    this.#disarm()
    this.#sending?.abort()
    const own = new AbortController()
    this.#sending = own
    const request = { method: 'POST', path: '/v1/acks', body: this.#current, auth: 'identity' } as const
    this.#link.send(request, own.signal).catch(() => {
      if (this.#sending !== own || this.#current === undefined) return
      const delayMs = backoffMs(++this.#failures, BACKOFF, this.#random)
      this.#disarm = this.#clock.background(delayMs, () => this.#send())
    })
  }
}
