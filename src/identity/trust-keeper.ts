import { MeshError } from '../core/errors.ts'
import type { Following } from '../core/follow.ts'
import type { TrustWire } from '../core/plane-wire.ts'
import { wordsOf } from '../core/words.ts'
import type { Kept } from './kept.ts'
import type { Problems } from './problems.ts'
import type { Trust } from './source.ts'
import { newerTrust, type TrustOrigin } from './trust.ts'

/** So old what is kept may say that it is, in milliseconds, while the source confirms it: a restart counts from there. */
const REKEEP_MS = 3_600_000

/** Follows whoever says whom to believe, until stopped. */
export type TrustFeed = (ear: TrustEar) => Following

export interface TrustEar {
  /** Throws where it is not taken. */
  readonly onWire: (wire: TrustWire) => void
  /** It is as it was. */
  readonly onConfirmed: () => void
  readonly onError: (error: unknown) => void
}

export interface TrustKeeperOptions {
  readonly feed: TrustFeed
  readonly origin: TrustOrigin
  readonly wall: () => number
  readonly kept: Kept
  readonly problems: Problems
  /** Ours, where configuration or the token say it: a constant, never what an answer says. */
  readonly trustDomain: string | undefined
  /** Something else is believed now. Must not throw. */
  readonly onTrust: () => void
}

/** What an earlier run believed. */
export interface RestoredTrust {
  readonly trust: Trust
  readonly wire: TrustWire
  readonly confirmedMs: number
}

/** Bundle and deny list: kept from the last run, brought with certificates, and followed at the source. */
export class TrustKeeper {
  readonly #options: TrustKeeperOptions
  #trust: Trust | undefined
  #confirmedMs: number | undefined
  /** What was said last, and when that was written down. */
  #wire: TrustWire | undefined
  #keptMs = 0
  #following: Following | undefined

  constructor(options: TrustKeeperOptions) {
    this.#options = options
  }

  get current(): Trust | undefined {
    return this.#trust
  }

  /** When the source last said that it is so, wall-clock milliseconds. */
  get confirmedMs(): number | undefined {
    return this.#confirmedMs
  }

  /** What is kept, not yet believed; undefined: nothing, or nothing usable, which is then a problem. */
  async kept(): Promise<RestoredTrust | undefined> {
    const { kept, problems, trustDomain, origin } = this.#options
    const file = await kept.trust()
    if (file === undefined) return undefined
    const trust = newerTrust(file.trust, undefined, trustDomain, origin)
    if (trust instanceof MeshError) {
      problems.set('kept', `what is kept in ${kept.place} is not used: ${trust.message}`)
      return undefined
    }
    return { trust, wire: file.trust, confirmedMs: file.confirmedMs }
  }

  /** Believes what was kept. `onTrust` is not called: whoever calls this knows. */
  adopt({ trust, wire, confirmedMs }: RestoredTrust): void {
    this.#trust = trust
    this.#confirmedMs = confirmedMs
    this.#wire = wire
    this.#keptMs = confirmedMs
  }

  /** What came with a certificate, to judge it by; where it cannot be taken, what is known judges. Throws if nothing is. */
  judged(wire: TrustWire): Trust {
    const { trustDomain, origin, problems } = this.#options
    const trust = newerTrust(wire, this.#trust, trustDomain, origin)
    if (!(trust instanceof MeshError)) return trust
    if (this.#trust === undefined) throw trust
    problems.set('trust', trust.message)
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
    const { feed, problems, trustDomain, origin, onTrust } = this.#options
    this.#following = feed({
      onWire: (wire) => {
        const trust = newerTrust(wire, this.#trust, trustDomain, origin)
        if (trust instanceof MeshError) throw trust
        if (trust === this.#trust) return this.#confirmed()
        this.take(trust, wire)
        onTrust()
      },
      onConfirmed: () => this.#confirmed(),
      onError: (error) => problems.set('trust', `no news about trust: ${wordsOf(error)}`),
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
