import type { Backstage } from './backstage.ts'
import { Instance } from './instance.ts'
import type { Seat, ServiceName } from './seats.ts'

/** The eight processes, and how they learn of each other: by the environment alone. */
export class Cluster {
  readonly instances: readonly Instance[]

  constructor(seats: readonly Seat[], backstage: Backstage, clean: NodeJS.ProcessEnv, ledgerPath: string) {
    const common = {
      ...clean,
      // Spans are made only for requests whose caller asks for them with a sampled `traceparent`.
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      DEMO_LEDGER: ledgerPath,
    }
    this.instances = seats.map((seat) => new Instance(seat, { ...common, ...backstage.env(seat, seats) }))
  }

  /** From the far end to the edge, so that each finds those it calls. */
  async start(): Promise<void> {
    for (const tier of [['stock', 'pricing'], ['orders'], ['web']] as const)
      await Promise.all(tier.flatMap((service) => this.of(service)).map((instance) => instance.start()))
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
