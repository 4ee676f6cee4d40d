import type { Agent } from './running-agent.ts'

/** Consul takes so many operations in one transaction. */
const OPERATIONS = 64
const AT_ONCE = 16

export type CheckStatus = 'passing' | 'warning' | 'critical'

/** An instance as the catalog has it; left out, what `registerMany` gives it. */
export interface Instance {
  /** Default `<service>-<number>`. */
  readonly id?: string
  /** Default 10.x.y.z, distinct for each. */
  readonly address?: string
  /** Default 8080. */
  readonly port?: number
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  readonly weights?: { readonly Passing: number; readonly Warning: number }
  /** `Connect.Native`. */
  readonly native?: boolean
  /** Its own check; default none, which counts as passing. */
  readonly status?: CheckStatus
}

export interface FleetOptions {
  /** The node all of them are on; default `fleet-<service>`. It is no agent: nobody checks it or takes it away. */
  readonly node?: string
  readonly datacenter?: string
  /** What is particular to the instance of this number, from 0. */
  readonly instance?: (number: number) => Instance
}

/** Many instances of a service in the catalog, put there past any agent's own registrations. */
export class Fleet {
  readonly service: string
  readonly #agent: Agent
  readonly #node: string
  readonly #datacenter: string | undefined
  readonly #instance: (number: number) => Instance
  #made = 0

  constructor(agent: Agent, service: string, options: FleetOptions) {
    this.service = service
    this.#agent = agent
    this.#node = options.node ?? `fleet-${service}`
    this.#datacenter = options.datacenter
    this.#instance = options.instance ?? (() => ({}))
  }

  /** Adds so many instances, or replaces those of the same id. Resolves with their ids once they are committed. */
  async add(instances: number | readonly Instance[]): Promise<string[]> {
    const list =
      typeof instances === 'number'
        ? Array.from({ length: instances }, (_, at) => this.#instance(this.#made + at))
        : instances
    const services = list.map((instance) => this.#serviceOf(instance, this.#made++))
    await this.#put('/v1/catalog/register', { Node: this.#node, Address: '10.0.0.1' })
    const native: object[] = []
    const plain: object[][] = []
    for (const [at, Service] of services.entries()) {
      const status = list[at]?.status
      const check = status === undefined ? undefined : this.#check(Service.ID, status)
      // Transactions drop `Connect` in old versions of Consul (1.8), so these go one by one.
      if (list[at]?.native) native.push({ Service, ...(check === undefined ? {} : { Check: check }) })
      else {
        const set = { Service: { Verb: 'set', Node: this.#node, Service } }
        plain.push(check === undefined ? [set] : [set, { Check: { Verb: 'set', Check: check } }])
      }
    }
    await this.#commit(plain)
    await inParallel(native, (each) =>
      this.#put('/v1/catalog/register', { Node: this.#node, SkipNodeUpdate: true, ...each }),
    )
    return services.map(({ ID }) => ID)
  }

  /** Changes the health of one of them. */
  async mark(id: string, status: CheckStatus): Promise<void> {
    await this.#commit([[{ Check: { Verb: 'set', Check: this.#check(id, status) } }]])
  }

  async remove(...ids: readonly string[]): Promise<void> {
    const remove = (id: string) => ({
      Service: { Verb: 'delete', Node: this.#node, Service: { ID: id, Service: this.service } },
    })
    await this.#commit(ids.map((id) => [remove(id)]))
  }

  /** Removes all of them with their node, in one write. */
  async clear(): Promise<void> {
    await this.#put('/v1/catalog/deregister', { Node: this.#node })
  }

  async #put(path: string, body: object): Promise<any> {
    const where = this.#datacenter === undefined ? {} : { Datacenter: this.#datacenter }
    return this.#answer(await this.#agent.api('PUT', path, { ...body, ...where }), path)
  }

  #serviceOf(instance: Instance, number: number): { readonly ID: string } {
    const service = {
      ID: instance.id ?? `${this.service}-${number}`,
      Service: this.service,
      Address: instance.address ?? `10.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`,
      Port: instance.port ?? 8080,
      Tags: instance.tags ?? [],
      Meta: instance.meta ?? {},
      Weights: instance.weights ?? { Passing: 1, Warning: 1 },
    }
    return instance.native ? Object.assign(service, { Connect: { Native: true } }) : service
  }

  #check(id: string, Status: CheckStatus): object {
    return { Node: this.#node, CheckID: `check:${id}`, Name: 'health', ServiceID: id, Status }
  }

  /** Operations of one instance stay together. */
  async #commit(instances: readonly object[][]): Promise<void> {
    const batches: object[][] = []
    for (const operations of instances) {
      const last = batches.at(-1)
      if (last !== undefined && last.length + operations.length <= OPERATIONS) last.push(...operations)
      else batches.push([...operations])
    }
    const query = this.#datacenter === undefined ? {} : { dc: this.#datacenter }
    await inParallel(batches, async (batch) =>
      this.#answer(await this.#agent.api('PUT', '/v1/txn', batch, { query }), '/v1/txn'),
    )
  }

  #answer({ status, text, json }: { status: number; text: string; json: any }, path: string): any {
    if (status !== 200) throw new Error(`PUT ${path} answered ${status}: ${text}`)
    return json
  }
}

/** Puts `count` instances of a service into the catalog. */
export async function registerMany(
  agent: Agent,
  service: string,
  count: number,
  options: FleetOptions = {},
): Promise<Fleet> {
  const fleet = new Fleet(agent, service, options)
  await fleet.add(count)
  return fleet
}

async function inParallel<T>(list: readonly T[], each: (one: T) => Promise<unknown>): Promise<void> {
  const left = list[Symbol.iterator]()
  const work = async (): Promise<void> => {
    for (const one of left) await each(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}
