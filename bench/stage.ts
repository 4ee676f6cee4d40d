/** The processes of a group: a fresh caller for each arm, one upstream for all arms that ask the same of it. */
import { type Arm, traced } from './arms/arm.ts'
import type {
  Awake,
  CallerQuestion,
  CallerSettings,
  Closed,
  ClosedAnswer,
  StateAnswer,
  UpstreamQuestion,
  UpstreamSettings,
} from './messages.ts'
import { OTHER_CORE, onCore, Peer } from './processes.ts'
import { type Pair, startPair } from './sidecar/pair.ts'

/** An application that shares its one core with the threads that compile it is warm very late. */
const UNTIL_WARM = undefined

interface Upstream {
  readonly peer: Peer<UpstreamQuestion>
  readonly ports: readonly number[]
}

/** An arm whose processes run. */
export interface Staged {
  readonly arm: Arm
  readonly caller: Peer<CallerQuestion>
  readonly upstream: Peer<UpstreamQuestion>
  readonly proxies: Pair | undefined
}

export class Stage {
  readonly #certificates: string
  readonly #tell: (line: string) => void
  readonly #pairs: Pair[] = []
  readonly #upstreams = new Map<string, Promise<Upstream>>()
  readonly #started: Peer<never>[] = []

  constructor(certificates: string, tell: (line: string) => void = () => {}) {
    this.#certificates = certificates
    this.#tell = tell
  }

  async open(arm: Arm): Promise<Staged> {
    const { peer: upstream, ports } = await this.#upstreamOf(arm)
    const paid = arm.payer === 'upstream'
    const proxies = await this.#pairOf(arm, ports[0] ?? 0)
    const settings: CallerSettings = {
      kind: arm.caller,
      ports: proxies === undefined ? ports : [proxies.port],
      armament: arm.armament,
      certificates: arm.mtls === true ? this.#certificates : undefined,
    }
    const core = paid ? OTHER_CORE : UNTIL_WARM
    const { peer } = await Peer.start<CallerQuestion, null>(
      core,
      'caller/main',
      settings,
      `${arm.label}, caller`,
    )
    this.#started.push(peer as Peer<never>)
    return { arm, caller: peer, upstream, proxies }
  }

  async #pairOf({ proxies }: Arm, upstreamPort: number): Promise<Pair | undefined> {
    if (proxies === undefined) return undefined
    const under = (command: readonly string[]) => onCore(OTHER_CORE, command)
    const settings = { upstreamPort, certificates: this.#certificates, under, tell: this.#tell }
    const pair = await startPair(proxies, settings)
    this.#tell(`${proxies}: ${pair.version}`)
    this.#pairs.push(pair)
    return pair
  }

  /** Where the upstream is what is looked at, each arm has one of its own. */
  #upstreamOf(arm: Arm): Promise<Upstream> {
    const paid = arm.payer === 'upstream'
    const settings: UpstreamSettings = {
      kind: arm.upstream,
      certificates: arm.mtls === true ? this.#certificates : undefined,
    }
    const key = JSON.stringify([settings, paid ? arm.name : ''])
    const known = this.#upstreams.get(key)
    if (known !== undefined) return known
    const core = paid ? UNTIL_WARM : OTHER_CORE
    const starting = Peer.start<UpstreamQuestion, number[]>(
      core,
      'upstream/main',
      settings,
      `${arm.label}, upstream`,
    ).then(({ peer, ready }) => {
      this.#started.push(peer as Peer<never>)
      return { peer, ports: ready }
    })
    this.#upstreams.set(key, starting)
    return starting
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#started.map((peer) => peer.stop()),
      ...this.#pairs.map((pair) => pair.stop()),
    ])
  }
}

/** One window, with what the upstream saw of it. @throws Error where the two disagree. */
export async function watched(staged: Staged, closed: Closed): Promise<ClosedAnswer & { opened: number }> {
  const before = await staged.upstream.ask<StateAnswer>({ ask: 'state' })
  const { calls } = await staged.caller.ask<ClosedAnswer>(closed)
  const after = await staged.upstream.ask<StateAnswer>({ ask: 'state' })
  const arrived = after.requests - before.requests
  if (arrived !== calls) throw new Error(`${staged.arm.label}: ${calls} calls, ${arrived} requests arrived`)
  const withTrace = after.traced - before.traced
  const expected = traced(staged.arm) ? calls : 0
  if (staged.arm.upstream === 'socket' && staged.arm.caller !== 'socket' && withTrace !== expected)
    throw new Error(`${staged.arm.label}: ${withTrace} of ${calls} requests carried a traceparent`)
  return { calls, opened: after.connections - before.connections }
}

export const awake = (staged: Staged, on: boolean): Promise<unknown> =>
  staged.upstream.ask({ ask: 'awake', on } satisfies Awake)
