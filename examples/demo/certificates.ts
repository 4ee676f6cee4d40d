import type { Health } from 'tulle'
import type { Cluster } from './cluster.ts'
import type { Instance } from './instance.ts'

const LOOK_MS = 1000

interface Held {
  readonly notAfterMs: number
  readonly roots: number
}

/** Which certificate every process holds and how often it got a new one, as `mesh.health()` tells. */
export class Certificates {
  readonly #cluster: Cluster
  readonly #timer: NodeJS.Timeout
  readonly #held = new Map<string, Held>()
  readonly #renewals = new Map<string, number>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#timer = setInterval(() => {
      for (const instance of cluster.instances) if (instance.state === 'up') void this.#look(instance)
    }, LOOK_MS)
  }

  /** Of all processes together, since the beginning. */
  get renewals(): number {
    return [...this.#renewals.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Of the process that had the fewest. */
  get fewestRenewals(): number {
    return Math.min(...this.#cluster.instances.map(({ name }) => this.#renewals.get(name) ?? 0))
  }

  /** How many roots everybody trusts; undefined: they do not agree yet. */
  get roots(): number | undefined {
    const [first, ...others] = this.#cluster.instances.map(({ name }) => this.#held.get(name)?.roots)
    return others.every((count) => count === first) ? first : undefined
  }

  /** Until the first certificate ends, in milliseconds. */
  get leastLeftMs(): number {
    return (
      Math.min(...this.#cluster.instances.map(({ name }) => this.#held.get(name)?.notAfterMs ?? 0)) -
      Date.now()
    )
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(instance: Instance): Promise<void> {
    const { name } = instance
    try {
      const { identity } = (await instance.ask({ ask: 'health' })) as Health
      if (identity?.notAfterMs === undefined) return
      const before = this.#held.get(name)?.notAfterMs
      const { notAfterMs, levels } = identity
      this.#held.set(name, { notAfterMs, roots: levels.filter(({ level }) => level === 'root').length })
      if (before !== undefined && notAfterMs > before)
        this.#renewals.set(name, (this.#renewals.get(name) ?? 0) + 1)
    } catch {
      // It is going down; it is asked again once it is back.
    }
  }
}
