import type { AckWire } from '../core/plane-wire.ts'
import type { Clock } from '../core/ports.ts'

/** What one process runs, as it said itself. */
export interface Subscriber {
  readonly instance: string
  readonly service: string
  readonly sequence: number
  /** What it refused and why, one line each. */
  readonly refused: readonly string[]
  /** When it was heard of last, wall-clock milliseconds. */
  readonly seen: number
}

const FORGOTTEN_MS = 24 * 3_600_000

export interface SubscribersOptions {
  readonly clock: Clock
  readonly wall: () => number
  /** Default 20,000; past it whoever was heard of longest ago is forgotten. */
  readonly max?: number | undefined
}

/** Who runs which version. Memory only: after a restart they say it again. Forgotten a day after they were last heard of. */
export class Subscribers {
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #max: number
  /** Last heard of last. */
  readonly #known = new Map<string, { readonly ack: AckWire; seen: number; seenMs: number }>()

  constructor({ clock, wall, max = 20_000 }: SubscribersOptions) {
    this.#clock = clock
    this.#wall = wall
    this.#max = max
  }

  /** False: the instance is another service's. */
  acknowledge({ instance, service, sequence, refused }: AckWire): boolean {
    const known = this.#known.get(instance)
    if (known !== undefined && known.ack.service !== service) return false
    this.#put(instance, { instance, service, sequence, refused })
    this.#expire()
    return true
  }

  /** It was heard of. */
  touch(instance: string): void {
    const known = this.#known.get(instance)
    if (known !== undefined) this.#put(instance, known.ack)
  }

  forget(instance: string): void {
    this.#known.delete(instance)
  }

  list(): Subscriber[] {
    this.#expire()
    return [...this.#known.values()]
      .map(({ ack: { instance, service, sequence, refused }, seen }) => ({
        instance,
        service,
        sequence,
        refused,
        seen,
      }))
      .sort((a, b) => (a.service + a.instance < b.service + b.instance ? -1 : 1))
  }

  #put(instance: string, ack: AckWire): void {
    this.#known.delete(instance)
    this.#known.set(instance, { ack, seen: this.#wall(), seenMs: this.#clock.now() })
  }

  #expire(): void {
    for (const [instance, { seenMs }] of this.#known) {
      if (this.#known.size <= this.#max && this.#clock.now() - seenMs < FORGOTTEN_MS) return
      this.#known.delete(instance)
    }
  }
}
