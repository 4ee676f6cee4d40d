import type { Cluster } from './cluster.ts'
import type { Instance } from './instance.ts'
import type { ServiceName } from './seats.ts'

const LOOK_MS = 200

/** The part of `mesh.describe()` that is looked at. */
interface Description {
  readonly endpoints: readonly { readonly id: string; readonly ejected: boolean }[]
}

/** Which instances their callers keep out of the rotation, as `mesh.describe()` of the callers tells. */
export class Sight {
  readonly #timer: NodeJS.Timeout
  readonly #ejected = new Map<ServiceName, ReadonlySet<string>>()

  constructor(cluster: Cluster) {
    this.#timer = setInterval(() => {
      void this.#look(cluster.web, 'orders')
      const caller = cluster.of('orders').find(({ state }) => state === 'up')
      if (caller === undefined) return
      void this.#look(caller, 'stock')
      void this.#look(caller, 'pricing')
    }, LOOK_MS)
  }

  isEjected({ service, port }: Instance): boolean {
    return this.#ejected.get(service)?.has(`127.0.0.1:${port}`) === true
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(caller: Instance, service: ServiceName): Promise<void> {
    try {
      const { endpoints } = (await caller.ask({ ask: 'describe', service })) as Description
      this.#ejected.set(service, new Set(endpoints.filter(({ ejected }) => ejected).map(({ id }) => id)))
    } catch {
      // A caller that is going down cannot be asked; the next one can.
    }
  }
}
