import { MeshError } from '../core/errors.ts'
import { type Following, follow } from '../core/follow.ts'
import type { PlaneLink } from '../core/plane.ts'
import { type TrustWire, trustWire } from '../core/plane-wire.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Kept } from './kept.ts'
import type { Problems } from './problems.ts'
import type { Trust } from './source.ts'
import { newerTrust } from './trust.ts'

/** How long a poll waits at the plane, in milliseconds: the most it allows. */
const POLL_MS = 60_000
/** So old what is kept may say that it is, in milliseconds, while the plane confirms it: a restart counts from there. */
const REKEEP_MS = 3_600_000

export interface TrustKeeperOptions {
  readonly link: Pick<PlaneLink, 'send' | 'onReachable'>
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly kept: Kept
  readonly problems: Problems
  /** Ours, where configuration or the token say it: a constant, never what an answer says. */
  readonly trustDomain: string | undefined
  /** Something else is believed now. Must not throw. */
  readonly onTrust: () => void
}

/** Bundle and deny list: kept from the last run, brought with certificates, and followed at the plane. */
export class TrustKeeper {
  readonly #options: TrustKeeperOptions
  #trust: Trust | undefined
  #confirmedMs: number | undefined
  /** What the plane said last, and when that was written down. */
  #wire: TrustWire | undefined
  #keptMs = 0
  #following: Following | undefined

  constructor(options: TrustKeeperOptions) {
    this.#options = options
  }

  get current(): Trust | undefined {
    return this.#trust
  }

  /** When the plane last said that it is so, wall-clock milliseconds. */
  get confirmedMs(): number | undefined {
    return this.#confirmedMs
  }

  async restore(): Promise<void> {
    const { kept, problems, trustDomain, onTrust } = this.#options
    const file = await kept.trust()
    if (file === undefined) return
    const trust = newerTrust(file.trust, undefined, trustDomain)
    if (trust instanceof MeshError) {
      problems.set('kept', `what is kept in ${kept.place} is not used: ${trust.message}`)
      return
    }
    this.#trust = trust
    this.#confirmedMs = file.confirmedMs
    this.#wire = file.trust
    this.#keptMs = file.confirmedMs
    onTrust()
  }

  /** What came with a certificate, to judge it by; where it cannot be taken, what is known judges. Throws if nothing is. */
  judged(wire: TrustWire): Trust {
    const trust = newerTrust(wire, this.#trust, this.#options.trustDomain)
    if (!(trust instanceof MeshError)) return trust
    if (this.#trust === undefined) throw trust
    this.#options.problems.set('trust', trust.message)
    return this.#trust
  }

  /** Believes what was judged. `onTrust` is not called: whoever calls this knows. */
  take(trust: Trust, wire: TrustWire): void {
    if (trust === this.#trust) return
    this.#trust = trust
    this.#wire = wire
    this.#keptMs = 0
    this.#confirmed()
  }

  follow(): void {
    const { link, clock, random, problems, trustDomain, onTrust } = this.#options
    let etag: string | undefined
    this.#following = follow({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: '/v1/trust', etag, waitMs: POLL_MS, auth: 'none' }),
      onAnswer: (answer) => {
        const wire = trustWire.safeParse(answer.body)
        if (!wire.success) throw malformed(wire.error.issues[0]?.message)
        const trust = newerTrust(wire.data, this.#trust, trustDomain)
        if (trust instanceof MeshError) throw trust
        etag = answer.etag
        if (trust === this.#trust) return this.#confirmed()
        this.take(trust, wire.data)
        onTrust()
      },
      onUnchanged: () => this.#confirmed(),
      onError: (error) => problems.set('trust', `no news about trust: ${(error as Error).message}`),
    })
  }

  stop(): void {
    this.#following?.stop()
    this.#following = undefined
  }

  #confirmed(): void {
    const { wall, problems, kept } = this.#options
    const nowMs = wall()
    this.#confirmedMs = nowMs
    problems.clear('trust')
    if (this.#wire === undefined || nowMs - this.#keptMs < REKEEP_MS) return
    this.#keptMs = nowMs
    void kept.keepTrust(this.#wire, nowMs)
  }
}

function malformed(why: string | undefined): MeshError {
  return new MeshError('TULLE_PLANE', `the plane's answer about trust is malformed: ${why}`, {
    layer: 'identity',
  })
}
