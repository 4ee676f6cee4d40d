import { Instance } from './instance.ts'
import { freePorts } from './ports.ts'

const SERVICES = { web: 1, orders: 3, stock: 2 } as const
export type ServiceName = keyof typeof SERVICES

/** The six processes, and how they learn of each other: by the environment alone. */
export class Cluster {
  readonly instances: readonly Instance[]

  private constructor(instances: readonly Instance[]) {
    this.instances = instances
  }

  static async plan(policyPath: string, ledgerPath: string): Promise<Cluster> {
    const places = Object.entries(SERVICES).flatMap(([service, count]) =>
      Array.from({ length: count }, (_, i) => ({
        service,
        name: count === 1 ? service : `${service}-${i + 1}`,
      })),
    )
    const ports = await freePorts(places.length)
    const seats = places.map((place, i) => ({ ...place, port: ports[i] as number }))
    const addresses = (service: ServiceName): string =>
      seats
        .filter((seat) => seat.service === service)
        .map((seat) => `127.0.0.1:${seat.port}`)
        .join(',')
    const env = {
      ...withoutSettings(process.env),
      TULLE_ENDPOINTS: `orders=${addresses('orders')} stock=${addresses('stock')}`,
      TULLE_POLICY: policyPath,
      // Spans are made only for requests whose caller asks for them with a sampled `traceparent`.
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      DEMO_LEDGER: ledgerPath,
    }
    return new Cluster(seats.map(({ name, service, port }) => new Instance(name, service, port, env)))
  }

  /** From the far end to the edge, so that each finds those it calls. */
  async start(): Promise<void> {
    for (const service of ['stock', 'orders', 'web'] as const)
      await Promise.all(this.of(service).map((instance) => instance.start()))
  }

  named(name: string): Instance {
    const found = this.instances.find((instance) => instance.name === name)
    if (found === undefined) throw new Error(`there is no instance "${name}"`)
    return found
  }

  of(service: ServiceName): readonly Instance[] {
    return this.instances.filter((instance) => instance.service === service)
  }

  get web(): Instance {
    return this.named('web')
  }

  get url(): string {
    return `http://127.0.0.1:${this.web.port}`
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.stop('SIGKILL')))
  }

  killNow(): void {
    for (const instance of this.instances) instance.killNow()
  }
}

/** The demo must not depend on how the user's own mesh or tracing is set up. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TULLE|OTEL|NODE_OPTIONS)/.test(name)))
}
