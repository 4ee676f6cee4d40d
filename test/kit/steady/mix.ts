import { getEventListeners } from 'node:events'
import type { Mesh } from '../../../src/index.ts'
import { seeded } from '../random.ts'
import { type Ask, dispatched, fetched, type Leave, type Reading } from './ways.ts'

/** Of 1,000 calls, so many ask for this; the rest for what is always there. */
const PATHS: Readonly<Record<string, number>> = {
  '/flaky': 10,
  '/missing': 10,
  '/zipped': 5,
  '/moved': 2,
  '/long': 2,
  '/reset': 1,
  '/never': 0.5,
  // Of a service that nobody knows, another one each time.
  '/nobody': 1,
}
const LEAVES: readonly Leave[] = ['before', 'at once', 'head', 'body']
const READINGS: readonly Reading[] = ['stream', 'copy', 'not']

/** One call after the other, in every way an application has, the same ones in every run. */
export class Mix {
  /** How the calls ended: by way, path and what came of it. */
  readonly ends: Record<string, number> = {}
  readonly #plain: Mesh
  readonly #secure: Mesh
  /** One that many calls have in common, and that never aborts. */
  readonly #shared = new AbortController().signal
  readonly #random = seeded(6)
  #calls = 0

  constructor(plain: Mesh, secure: Mesh) {
    this.#plain = plain
    this.#secure = secure
  }

  /** Of the signal that many calls have in common. */
  get listeners(): number {
    return getEventListeners(this.#shared, 'abort').length
  }

  async one(): Promise<void> {
    const random = this.#random
    const number = this.#calls++
    const secure = random() < 0.2
    const mesh = secure ? this.#secure : this.#plain
    const path = pathOf(random() * 1000)
    const leave = random() < 0.003 ? (LEAVES[Math.floor(random() * 4)] as Leave) : 'never'
    const ask: Ask = {
      origin: `http://${path === '/nobody' ? `nobody-${number}` : secure ? 'vault' : 'orders'}.mesh`,
      path: `${path}?number=${number}`,
      method: random() < 0.4 ? 'POST' : 'GET',
      leave,
      timeoutMs: path === '/never' ? 20 : 30_000,
      header: random() < 0.01 ? `x-number-${number}` : undefined,
    }
    const byFetch = random() < 0.4
    const reading = random() < 0.01 ? (READINGS[Math.floor(random() * 3)] as Reading) : 'whole'
    const signal = random() < 0.2 ? this.#shared : undefined
    const word = await (byFetch ? fetched(mesh, ask, reading, signal) : dispatched(mesh, ask))
    const end = `${byFetch ? 'fetch' : 'dispatch'} ${path} ${word}${leave === 'never' ? '' : ', leaving'}`
    this.ends[end] = (this.ends[end] ?? 0) + 1
  }
}

function pathOf(dice: number): string {
  let sum = 0
  for (const path in PATHS) {
    sum += PATHS[path] as number
    if (dice < sum) return path
  }
  return '/items'
}
