import type { Certificates } from './certificates.ts'
import type { Cluster } from './cluster.ts'
import type { Consul } from './consul/consul.ts'
import type { Figures } from './figures.ts'
import { executions } from './ledger.ts'
import type { PlaneProcess } from './plane-process.ts'
import type { Policy } from './policy.ts'
import type { Pulse } from './pulse.ts'
import type { Sight } from './sight.ts'
import type { Traffic } from './traffic.ts'
import type { Paint } from './ui/paint.ts'
import { check } from './wait.ts'

/** What there is more where there is a plane. */
export interface OnPlane {
  readonly process: PlaneProcess
  readonly certificates: Certificates
}

/** What there is more where there is Consul. */
export interface OnConsul {
  readonly process: Consul
  readonly certificates: Certificates
}

/** What a scene has to play with. */
export interface Stage {
  readonly cluster: Cluster
  readonly policy: Policy
  /** Undefined where the demo has none. */
  readonly plane: OnPlane | undefined
  /** Undefined where the demo has none. */
  readonly consul: OnConsul | undefined
  readonly traffic: Traffic
  readonly pulse: Pulse
  readonly sight: Sight
  /** Temporary; gone when the demo is. */
  readonly folder: string
  /** Where orders writes what it executed. */
  readonly ledgerPath: string
  /** Tells the audience what happens now. */
  say(note: string): void
  /** Leaves lines behind that stay. */
  show(lines: (paint: Paint) => readonly string[]): void
}

export interface Scene {
  readonly name: string
  readonly headline: string
  /** What takes its time and must have begun when the scene is played: happens before the first scene. */
  overture?(stage: Stage): Promise<void>
  /** Runs under traffic; resolves with what was shown, once every promise of the scene was checked. */
  play(stage: Stage): Promise<string>
}

/** @throws Broken in a static demo */
export function planeOf({ plane }: Stage): OnPlane {
  check(plane !== undefined, 'this scene needs the plane')
  return plane
}

/** @throws Broken in a demo without Consul */
export function consulOf({ consul }: Stage): OnConsul {
  check(consul !== undefined, 'this scene needs Consul')
  return consul
}

/** Lets the last answers arrive; the figures are then complete. The traffic rests until the next scene. */
export async function curtain(stage: Stage): Promise<Figures> {
  const figures = await stage.traffic.settle()
  check(figures.user.ok > 0, 'no request was answered')
  return figures
}

/** No user of a GET or a keyed POST may have seen a failure, or an item without its price: no scene harms pricing for good. */
export function nobodyNoticed(figures: Figures): void {
  const { failed, sent } = figures.user
  check(failed === 0, `${failed} of ${sent} requests failed: ${figures.problems.join('; ')}`)
  const { unpriced } = figures
  check(unpriced === 0, `${unpriced} items came without their price: ${figures.problems.join('; ')}`)
}

/** How many plain POSTs the ledger has more than once. There must be none, in no scene. */
export function executedTwice(stage: Stage): number {
  const counts = executions(stage.ledgerPath)
  return stage.traffic.plainIds.filter((id) => (counts.get(id) ?? 0) > 1).length
}
