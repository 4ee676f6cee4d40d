import { Forked } from './forked.ts'
import type { Behaviour } from './messages.ts'
import type { Seat, ServiceName } from './seats.ts'

/** One service process. */
export class Instance extends Forked {
  readonly service: ServiceName
  behaviour: Behaviour = {}

  constructor({ name, service, port }: Seat, env: NodeJS.ProcessEnv) {
    super(name, port, `services/${service}`, { ...env, TULLE_SERVICE: service, DEMO_INSTANCE: name })
    this.service = service
  }

  override async start(): Promise<void> {
    this.behaviour = {}
    await super.start()
  }

  async behave(behaviour: Behaviour): Promise<void> {
    await this.ask({ ask: 'behave', behaviour })
    this.behaviour = behaviour
  }
}
