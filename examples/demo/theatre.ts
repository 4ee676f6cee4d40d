import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cluster } from './cluster.ts'
import type { Instance } from './instance.ts'
import { PolicyFolder } from './policy.ts'
import { Pulse } from './pulse.ts'
import { Sight } from './sight.ts'
import type { Stage } from './stage.ts'
import { Traffic } from './traffic.ts'
import type { Moment, Row } from './ui/board.ts'
import { linesView } from './ui/lines.ts'
import { canBeLive, liveView } from './ui/live.ts'
import type { View } from './ui/view.ts'

/** The house the scenes are played in: six processes, a temporary folder, traffic and an audience. */
export class Theatre implements Stage {
  readonly cluster: Cluster
  readonly policy: PolicyFolder
  readonly ledgerPath: string
  readonly pulse = new Pulse()
  readonly sight: Sight
  readonly traffic: Traffic
  readonly view: View

  private constructor(
    cluster: Cluster,
    policy: PolicyFolder,
    ledgerPath: string,
    perSecond: number,
    out: NodeJS.WriteStream,
  ) {
    this.cluster = cluster
    this.policy = policy
    this.ledgerPath = ledgerPath
    this.sight = new Sight(cluster)
    this.traffic = new Traffic(cluster.url, this.pulse, perSecond)
    this.view = canBeLive(out) ? liveView(out, () => this.#moment()) : linesView(out)
    process.once('exit', () => this.view.close())
  }

  /** @throws Error with what was wrong, when a process does not come up */
  static async open(out: NodeJS.WriteStream): Promise<Theatre> {
    const folder = mkdtempSync(join(tmpdir(), 'tulle-demo-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    const policy = new PolicyFolder(folder)
    const ledgerPath = join(folder, 'ledger')
    writeFileSync(ledgerPath, '')
    const cluster = await Cluster.plan(policy.path, ledgerPath)
    // Whatever ends this process: nobody stays behind.
    process.once('exit', () => cluster.killNow())
    const started = performance.now()
    await cluster.start()
    const perSecond = paceFor(performance.now() - started)
    return new Theatre(cluster, policy, ledgerPath, perSecond, out)
  }

  say(note: string): void {
    this.view.say(note)
  }

  show(lines: Parameters<View['show']>[0]): void {
    this.view.show(lines)
  }

  async close(): Promise<void> {
    this.view.close()
    this.sight.close()
    this.pulse.stop()
    await this.traffic.close()
    await this.cluster.close()
  }

  #moment(): Omit<Moment, 'title' | 'note'> {
    const { figures } = this.traffic
    return {
      rows: this.cluster.instances.map((instance) => this.#row(instance)),
      tallies: figures.tallies,
      p50Ms: figures.percentile(50),
      p99Ms: figures.percentile(99),
      seconds: performance.now() / 1000,
    }
  }

  #row(instance: Instance): Row {
    const { name, state, behaviour } = instance
    const told = behaviour.status?.toString() ?? (behaviour.delayMs === undefined ? 'up' : 'slow')
    return {
      name,
      state: state !== 'up' ? state : this.sight.isEjected(instance) ? 'ejected' : told,
      rate: this.pulse.rate(name),
      history: this.pulse.history(name),
    }
  }
}

const PACE = 160
const LEAST_PACE = 40
const USUAL_START_MS = 4000

/** Requests per second: fewer where the start shows that the machine is slow, or busy with something else. */
function paceFor(startMs: number): number {
  return Math.round(Math.max(LEAST_PACE, Math.min(PACE, (PACE * USUAL_START_MS) / startMs)))
}
