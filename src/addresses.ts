import type { EndpointSet } from './core/endpoint.ts'
import type { ServicePlan } from './core/plan.ts'
import type { Logger, Part } from './core/ports.ts'
import type { Source } from './discovery/source.ts'
import type { Endpoints } from './endpoints/registry.ts'

interface Watch {
  found: EndpointSet | undefined
  written: ServicePlan['endpoints']
  problem: string | undefined
  stop(): void
}

/**
 * Brings addresses to the endpoint tables: what the discovery source says, and where it knows nothing of a service,
 * what the policy has written. One watch per service that the policy or the configuration names; where a watch costs the
 * source something (`lazy`), per service that is called.
 */
export class Addresses implements Part {
  readonly name = 'discovery'
  readonly #source: Source
  readonly #endpoints: Endpoints
  readonly #log: Logger
  readonly #watches = new Map<string, Watch>()
  readonly #called = new Set<string>()
  #started = false

  constructor(source: Source, endpoints: Endpoints, log: Logger) {
    this.#source = source
    this.#endpoints = endpoints
    this.#log = log
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#source.start?.(signal)
    this.#started = true
    for (const service of this.#called) this.want(service)
    for (const { name, plan } of this.#endpoints) if (!this.#isLazy(name)) this.#watch(name, plan)
  }

  /** Somebody waits for the endpoints of this service. */
  want(service: string): void {
    this.#called.add(service)
    const plan = this.#endpoints.get(service)?.plan
    if (this.#started && plan !== undefined && !this.#watches.has(service)) this.#watch(service, plan)
  }

  /** Whether anything is asked about this service: what nobody calls is not missing. */
  follows(service: string): boolean {
    return this.#watches.has(service)
  }

  /** Follows a new policy: watches services that came, forgets those that went. */
  follow(plans: ReadonlyMap<string, ServicePlan>): void {
    for (const [service, watch] of this.#watches) {
      if (plans.has(service)) continue
      watch.stop()
      this.#watches.delete(service)
      this.#called.delete(service)
    }
    if (!this.#started) return
    for (const plan of plans.values())
      if (this.#watches.has(plan.service) || !this.#isLazy(plan.service)) this.#watch(plan.service, plan)
  }

  /** Addresses that the policy has written are there at once, whoever asks. */
  #isLazy(service: string): boolean {
    return this.#source.lazy === true && !this.#called.has(service)
  }

  /** What the source could not find out, by service; empty when all is well. */
  get problems(): readonly string[] {
    return [...this.#watches].flatMap(([service, { problem }]) =>
      problem === undefined ? [] : [`${service}: ${problem}`],
    )
  }

  async close(): Promise<void> {
    this.#started = false
    for (const watch of this.#watches.values()) watch.stop()
    this.#watches.clear()
    await this.#source.close()
  }

  #watch(service: string, plan: ServicePlan): void {
    const known = this.#watches.get(service)
    if (known !== undefined) {
      known.written = plan.endpoints
      this.#settle(service, known)
      return
    }
    const watch: Watch = { found: undefined, written: plan.endpoints, problem: undefined, stop: () => {} }
    this.#watches.set(service, watch)
    const stop = this.#source.watch(
      service,
      (set) => {
        watch.found = set
        watch.problem = undefined
        this.#settle(service, watch)
      },
      (error) => {
        const said = error instanceof Error ? error.message : String(error)
        // A source that names the service itself is not echoed.
        const problem = said.startsWith(`${service}: `) ? said.slice(service.length + 2) : said
        if (problem !== watch.problem)
          this.#log.warn(`discovery of ${service}: ${problem}`, { source: this.#source.name })
        watch.problem = problem
        this.#settle(service, watch)
      },
    )
    watch.stop = stop
    this.#settle(service, watch)
  }

  /** A source that has not spoken yet keeps callers waiting, unless the policy has addresses to go on with. */
  #settle(service: string, { found, written }: Watch): void {
    if (found === undefined && written.length === 0) return
    const set = found === undefined || found.endpoints.length === 0 ? { endpoints: written } : found
    this.#endpoints.get(service)?.apply(set)
  }
}
