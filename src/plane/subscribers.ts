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
/** Of what one process says that it refused, in characters: enough for the reasons, and bounded for all of them. */
const LINE = 500
const LINES = 10
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g

export interface SubscribersOptions {
  readonly clock: Clock
  readonly wall: () => number
  /** Default 20,000; past it whoever was heard of longest ago is forgotten. */
  readonly max?: number | undefined
  /** Of one service, so that none makes others forgotten; default 5000. */
  readonly maxOfService?: number | undefined
}

/** Who runs which version. Memory only: after a restart they say it again. Forgotten a day after they were last heard of. */
export class Subscribers {
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #max: number
  readonly #maxOfService: number
  /** Last heard of last. */
  readonly #known = new Map<string, { readonly ack: AckWire; seen: number; seenMs: number }>()

  /** How many of each service. */
  readonly #counts = new Map<string, number>()

  constructor({ clock, wall, max = 20_000, maxOfService = 5000 }: SubscribersOptions) {
    this.#clock = clock
    this.#wall = wall
    this.#max = max
    this.#maxOfService = maxOfService
  }

  /** False: the instance is another service's. */
  acknowledge({ instance, service, sequence, refused }: AckWire): boolean {
    const known = this.#known.get(instance)
    if (known !== undefined && known.ack.service !== service) return false
    const lines = refused.slice(0, LINES).map((line) => line.replace(CONTROL, ' ').slice(0, LINE))
    this.#put(instance, { instance, service, sequence, refused: lines })
    this.#makeRoom(service)
    this.#expire()
    return true
  }

  /** It was heard of. */
  touch(instance: string): void {
    const known = this.#known.get(instance)
    if (known !== undefined) this.#put(instance, known.ack)
  }

  forget(instance: string): void {
    this.#drop(instance)
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
    this.#drop(instance)
    this.#known.set(instance, { ack, seen: this.#wall(), seenMs: this.#clock.now() })
    this.#counts.set(ack.service, (this.#counts.get(ack.service) ?? 0) + 1)
  }

  #drop(instance: string): void {
    const { service } = this.#known.get(instance)?.ack ?? {}
    if (service === undefined) return
    this.#known.delete(instance)
    const left = (this.#counts.get(service) ?? 1) - 1
    if (left === 0) this.#counts.delete(service)
    else this.#counts.set(service, left)
  }

  #makeRoom(service: string): void {
    if ((this.#counts.get(service) ?? 0) <= this.#maxOfService) return
    for (const [instance, { ack }] of this.#known) {
      if (ack.service !== service) continue
      this.#drop(instance)
      return
    }
  }

  #expire(): void {
    for (const [instance, { seenMs }] of this.#known) {
      if (this.#known.size <= this.#max && this.#clock.now() - seenMs < FORGOTTEN_MS) return
      this.#drop(instance)
    }
  }
}
