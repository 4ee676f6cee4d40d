import type { IdentityChange } from '../../src/core/identity.ts'
import type { StateStore } from '../../src/core/plane.ts'
import type { Random } from '../../src/core/ports.ts'
import { makeKey } from '../../src/identity/keys.ts'
import { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { PlaneSource, type PlaneSourceOptions } from '../../src/identity/plane-source.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakePlane, type FakePlaneOptions } from './fake-plane.ts'
import { until } from './wait.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** When a stage's day begins, unless real TLS, which knows the machine's clock alone, has a part in it. */
const BEGIN = Date.UTC(2026, 2, 1, 12)

/** A token as the plane makes them, for one service of `test.example`. */
export function joinToken(service: string, trustDomain = 'test.example'): string {
  const content = { urls: ['https://plane.test:7400'], rootSha256: 'a'.repeat(64), trustDomain, service }
  return `tulle_join_${Buffer.from(JSON.stringify(content)).toString('base64url')}.c2VjcmV0`
}

/** A played state directory; `broken` makes it fail. */
export class MemoryStore implements StateStore {
  readonly place = '/state'
  readonly files = new Map<string, Uint8Array>()
  broken: Error | undefined

  async read(name: string): Promise<Uint8Array | undefined> {
    if (this.broken) throw this.broken
    return this.files.get(name)
  }
  async write(name: string, content: Uint8Array): Promise<void> {
    if (this.broken) throw this.broken
    this.files.set(name, content)
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name)
  }
  text(name: string): string {
    return new TextDecoder().decode(this.files.get(name))
  }
}

export interface Actor {
  readonly identity: MeshIdentity
  readonly changes: IdentityChange[]
  readonly logged: string[]
  readonly start: () => Promise<void>
}

export type ActorOptions = Partial<Omit<PlaneSourceOptions, 'clock'>> & { readonly clockSkewMs?: number }

/** One clock for everybody, a plane, and processes with identities. */
export class IdentityStage {
  readonly clock = new ManualClock()
  readonly wall: () => number
  readonly plane: FakePlane
  readonly #actors: Actor[] = []

  constructor({
    beginMs = BEGIN,
    ...options
  }: Partial<FakePlaneOptions> & { readonly beginMs?: number } = {}) {
    const origin = beginMs - this.clock.now()
    this.wall = () => origin + this.clock.now()
    this.plane = new FakePlane({ clock: this.clock, wall: this.wall, ...options })
  }

  actor(service = 'orders', options: ActorOptions = {}): Actor {
    const { clockSkewMs = 0, ...rest } = options
    const wall = (): number => this.wall() + clockSkewMs
    const changes: IdentityChange[] = []
    const logged: string[] = []
    const say = (message: string): void => {
      logged.push(message)
    }
    const log = { debug: say, info: say, warn: say, error: say }
    const random: Random = () => 0.5
    const shared = { clock: this.clock, wall, log }
    const source = new PlaneSource({
      service,
      link: this.plane,
      random,
      token: joinToken(service),
      ...shared,
      ...rest,
    })
    const identity = new MeshIdentity({ service, source, ...shared })
    identity.onChange((change) => changes.push(change))
    const actor = { identity, changes, logged, start: () => identity.start(new AbortController().signal) }
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

/** Lets promises come to their end, and the keys that are being made: ours are behind them in the thread pool. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    if (round < 2) await makeKey()
  }
}

/** Waits for the certificate of a generation; time stands still. */
export async function untilGeneration(
  stage: IdentityStage,
  { identity }: Actor,
  generation: number,
): Promise<void> {
  await until(() => identity.current?.generation === generation, {
    what: `generation ${generation}`,
    everyMs: 1,
    seen: () => ({
      generation: identity.current?.generation,
      health: identity.health().problem,
      wall: stage.wall(),
    }),
  })
}
