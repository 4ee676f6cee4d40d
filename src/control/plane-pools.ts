import { Pool } from 'undici'
import { openPlane, type PlaneDoor } from './plane-tls.ts'

/**
 * Connections to planes, one pool for each way of trusting and being known: a connection that was made with an older
 * certificate, older roots or none is never used for a request that needs the new ones.
 */
export class PlanePools {
  readonly #pools = new Map<string, Pool>()
  readonly #retired = new Set<Pool>()

  /**
   * @param door where to, with what; asked only where there is no such pool yet
   * @param kind tells pools to one URL apart that stay in use side by side
   * @param version the newest of its kind: connections of another one end with what is in flight on them
   * @param background its connections do not keep the process alive
   */
  take(url: URL, kind: string, version: string, background: boolean, door: () => PlaneDoor): Pool {
    const prefix = `${url.origin} ${kind} ${background} `
    const key = prefix + version
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    for (const [old, pool] of this.#pools) if (old.startsWith(prefix)) this.#retire(old, pool)
    const through = door()
    const pool = new Pool(url.origin, {
      // Every request has its own limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        openPlane(through).then(
          (socket) => {
            if (background) {
              // undici holds the process while a request is in flight; a long poll is always in flight.
              socket.unref()
              socket.ref = () => socket
            }
            callback(null, socket)
          },
          (error: Error) => callback(error, null),
        )
      },
    })
    this.#pools.set(key, pool)
    return pool
  }

  async close(): Promise<void> {
    const all = [...this.#pools.values(), ...this.#retired]
    this.#pools.clear()
    await Promise.all(all.map((pool) => pool.destroy()))
  }

  #retire(key: string, pool: Pool): void {
    this.#pools.delete(key)
    this.#retired.add(pool)
    pool.close().then(
      () => this.#retired.delete(pool),
      () => this.#retired.delete(pool),
    )
  }
}
