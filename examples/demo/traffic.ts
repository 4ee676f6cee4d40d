import { Agent } from 'undici'
import { Figures, type Kind } from './figures.ts'
import type { Pulse } from './pulse.ts'
import { send } from './shot.ts'

/** Sixteen requests in a row: eleven GETs, three keyed POSTs, two plain POSTs. */
const PATTERN = 'g g k g g p g g g k g g p g k g'
  .split(' ')
  .map((letter): Kind => (letter === 'g' ? 'get' : letter === 'k' ? 'keyed' : 'plain'))
const TICK_MS = 10
/** After a pause of this process: no burst larger than this. */
const MAX_DUE = 16

/**
 * Open-loop traffic: requests leave on schedule whether or not earlier ones were answered, as users do, so that a
 * slow answer cannot hide itself by slowing the traffic down. Nothing is repeated here; what fails is counted.
 */
export class Traffic {
  readonly perSecond: number
  figures = new Figures()
  readonly #url: string
  readonly #pulse: Pulse
  readonly #agent = new Agent({ connections: 128, headersTimeout: 15_000, bodyTimeout: 15_000 })
  readonly #plain: string[] = []
  #timer: NodeJS.Timeout | undefined
  #count = 0
  #startedMs = 0
  #startedCount = 0

  constructor(url: string, pulse: Pulse, perSecond: number) {
    this.#url = url
    this.#pulse = pulse
    this.perSecond = perSecond
  }

  /** Goes on under fresh figures. */
  start(): void {
    this.figures = new Figures()
    this.#startedMs = performance.now()
    this.#startedCount = this.#count
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
  }

  /** Stops sending and waits for every answer. */
  async settle(): Promise<Figures> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const { figures } = this
    while (figures.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    return figures
  }

  /** The ids of all plain POSTs so far: each may be executed at most once. */
  get plainIds(): readonly string[] {
    return this.#plain
  }

  async close(): Promise<void> {
    await this.settle()
    await this.#agent.destroy()
  }

  #tick(): void {
    const scheduled = ((performance.now() - this.#startedMs) / 1000) * this.perSecond
    const due = Math.floor(scheduled) - (this.#count - this.#startedCount)
    for (let i = 0; i < Math.min(due, MAX_DUE); i++) void this.#one()
    if (due > MAX_DUE) this.#startedCount -= due - MAX_DUE
  }

  async #one(): Promise<void> {
    const { figures } = this
    const kind = PATTERN[this.#count % PATTERN.length] as Kind
    const id = `${kind}-${++this.#count}`
    if (kind === 'plain') this.#plain.push(id)
    figures.sent(kind)
    const answer = await send(this.#agent, this.#url, kind, id)
    figures.add(answer)
    if (answer.status === 0) return
    this.#pulse.beat('web')
    if (answer.by !== undefined) this.#pulse.beat(answer.by)
    if (answer.from !== undefined) this.#pulse.beat(answer.from)
    if (answer.pricedBy !== undefined) this.#pulse.beat(answer.pricedBy)
  }
}
