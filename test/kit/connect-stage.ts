import type { IdentityChange } from '../../src/core/identity.ts'
import { ConsulIdentitySource, type ConsulIdentitySourceOptions } from '../../src/identity/consul-source.ts'
import { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConnectCa, type ConnectCaOptions } from './connect-ca.ts'
import { settled } from './identity-stage.ts'

export interface ConnectActor {
  readonly identity: MeshIdentity
  readonly source: ConsulIdentitySource
  readonly changes: IdentityChange[]
  readonly logged: string[]
  readonly start: () => Promise<void>
}

export type ConnectActorOptions = Partial<Omit<ConsulIdentitySourceOptions, 'clock'>> & {
  readonly clockSkewMs?: number
}

/** One clock for everybody, an agent that is played, and processes with identities of it. */
export class ConnectStage {
  readonly clock = new ManualClock()
  readonly wall: () => number
  readonly agent: ConnectCa
  readonly #actors: ConnectActor[] = []

  /** @param beginMs real TLS knows the machine's clock alone; default a day in 2026 */
  constructor({
    beginMs = Date.UTC(2026, 2, 1, 12),
    ...options
  }: Partial<ConnectCaOptions> & { readonly beginMs?: number } = {}) {
    const origin = beginMs - this.clock.now()
    this.wall = () => origin + this.clock.now()
    this.agent = new ConnectCa({ clock: this.clock, wall: this.wall, ...options })
  }

  actor(service = 'orders', { clockSkewMs = 0, ...options }: ConnectActorOptions = {}): ConnectActor {
    const wall = (): number => this.wall() + clockSkewMs
    const changes: IdentityChange[] = []
    const logged: string[] = []
    const say = (message: string): void => {
      logged.push(message)
    }
    const log = { debug: say, info: say, warn: say, error: say }
    const shared = { clock: this.clock, wall, log }
    const source = new ConsulIdentitySource({
      service,
      link: this.agent,
      random: () => 0.5,
      ...shared,
      ...options,
    })
    const identity = new MeshIdentity({ service, source, ...shared })
    identity.onChange((change) => changes.push(change))
    const start = (): Promise<void> => identity.start(new AbortController().signal)
    const actor = { identity, source, changes, logged, start }
    this.#actors.push(actor)
    return actor
  }

  /** Moves time in steps, letting what it wakes come to its end in between. */
  async pass(ms: number, stepMs = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed))
      await settled()
    }
  }

  async close(): Promise<void> {
    for (const { identity } of this.#actors) await identity.close()
  }
}
