import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Backstage, planeBackstage, staticBackstage } from './backstage.ts'
import { Certificates } from './certificates.ts'
import { Cluster } from './cluster.ts'
import { consulBackstage } from './consul/backstage.ts'
import { Consul } from './consul/consul.ts'
import { House } from './house.ts'
import type { Instance } from './instance.ts'
import { PlaneProcess } from './plane-process.ts'
import type { Policy } from './policy.ts'
import { freePorts } from './ports.ts'
import { Pulse } from './pulse.ts'
import type { Setting } from './scenes/index.ts'
import { SEATS, seatsOf } from './seats.ts'
import { Sight } from './sight.ts'
import type { OnConsul, OnPlane, Stage } from './stage.ts'
import { Traffic } from './traffic.ts'
import type { Moment, Row } from './ui/board.ts'
import { linesView } from './ui/lines.ts'
import { canBeLive, liveView } from './ui/live.ts'
import type { View } from './ui/view.ts'

/** Short, so that every certificate is renewed several times during the play; what is slow gets more, up to thrice. */
const LIFETIME_MS = 20_000
/** How long this process usually takes to get to its first line. */
const USUAL_BOOT_MS = 500

/** Where the scenes are played: eight processes and perhaps a plane, a temporary folder, traffic and an audience. */
export class Theatre implements Stage {
  readonly cluster: Cluster
  readonly policy: Policy
  readonly plane: OnPlane | undefined
  readonly consul: OnConsul | undefined
  readonly folder: string
  readonly ledgerPath: string
  readonly pulse = new Pulse()
  readonly sight: Sight
  readonly traffic: Traffic
  readonly view: View

  private constructor(
    { folder }: House,
    cluster: Cluster,
    { policy, plane }: Backstage,
    ledgerPath: string,
    perSecond: number,
    consul: Consul | undefined,
    out: NodeJS.WriteStream,
  ) {
    this.cluster = cluster
    this.policy = policy
    this.plane = plane && { process: plane, certificates: new Certificates(cluster) }
    this.consul = consul && { process: consul, certificates: new Certificates(cluster) }
    this.folder = folder
    this.ledgerPath = ledgerPath
    this.sight = new Sight(cluster)
    this.traffic = new Traffic(cluster.url, this.pulse, perSecond)
    this.view = canBeLive(out) ? liveView(out, () => this.#moment()) : linesView(out)
    process.once('exit', () => this.view.close())
  }

  /** @throws Error with what was wrong, when a process does not come up */
  static async open(out: NodeJS.WriteStream, setting: Setting): Promise<Theatre> {
    const bootMs = performance.now()
    const house = new House()
    const { folder } = house
    const ledgerPath = join(folder, 'ledger')
    writeFileSync(ledgerPath, '')
    const ports = await freePorts(SEATS + 1)
    const clean = withoutSettings(process.env)
    let backstage: Backstage
    let consul: Consul | undefined
    if (setting === 'plane') {
      const lifetimeMs = LIFETIME_MS * Math.min(3, Math.max(1, bootMs / USUAL_BOOT_MS))
      const plane = new PlaneProcess(ports[SEATS] as number, join(folder, 'plane'), lifetimeMs, clean)
      house.takeIn(plane)
      backstage = await planeBackstage(plane, folder)
    } else if (setting === 'consul') {
      out.write('three Consul servers and an agent are started\n')
      consul = await Consul.start()
      house.takeIn(consul)
      backstage = await consulBackstage(consul, folder)
    } else backstage = staticBackstage(folder)
    const cluster = new Cluster(seatsOf(ports), backstage, clean, ledgerPath)
    house.takeIn(cluster)
    const started = performance.now()
    await cluster.start()
    const perSecond = paceFor(performance.now() - started, setting === 'static' ? PACE : PACE_ON_PLANE)
    return new Theatre(house, cluster, backstage, ledgerPath, perSecond, consul, out)
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
    this.plane?.certificates.close()
    this.consul?.certificates.close()
    this.pulse.stop()
    await this.traffic.close()
    await this.cluster.close()
    await this.plane?.process.stop('SIGKILL')
    await this.consul?.process.stop()
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
/** Every connection begins with two signatures and their proof, on each side. */
const PACE_ON_PLANE = 100
const LEAST_PACE = 40
const USUAL_START_MS = 4000

/** Requests per second: fewer where the start shows that the machine is slow, or busy with something else. */
function paceFor(startMs: number, pace: number): number {
  return Math.round(Math.max(LEAST_PACE, Math.min(pace, (pace * USUAL_START_MS) / startMs)))
}

/** The demo must not depend on how the user's own mesh or tracing is set up. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(TULLE|OTEL|CONSUL_(?!BIN)|NODE_OPTIONS)/.test(name)),
  )
}
