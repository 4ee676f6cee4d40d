import type { BalancerDeps, Picker } from '../balance/balancer.ts'
import { balancerNamed } from '../balance/index.ts'
import type { Attempt } from '../core/attempt.ts'
import type { Events } from '../core/events.ts'
import type { KnownEndpoint } from './known-endpoint.ts'
import type { OutlierParams } from './outlier-policy.ts'

export interface RotationRules {
  readonly balance: string
  readonly outlier: OutlierParams | false
}

interface Offer {
  readonly endpoint: KnownEndpoint
  /** Until then the probe waits for a call that can be sent again. */
  readonly anyFromMs: number
}

const NOBODY: Picker<KnownEndpoint> = () => undefined

/**
 * Which endpoints are in rotation for the calls of a protocol, or of both. Ejected ones are not, with three exceptions:
 * an offered probe takes the next fitting call; in panic (SEMANTICS 2.13: fewer than `panicThreshold` of the known are
 * available) ejection is ignored, because the few that are left would be drowned; and a call that could reach none of the
 * others is lost if it does not try those too.
 */
export class Rotation {
  readonly #service: string
  readonly #deps: BalancerDeps & { readonly events: Events }
  #known: readonly KnownEndpoint[] = []
  #rules: RotationRules
  #picker: Picker<KnownEndpoint> = NOBODY
  #ejected = 0
  #panic = false
  readonly #offers: Offer[] = []

  constructor(service: string, rules: RotationRules, deps: BalancerDeps & { readonly events: Events }) {
    this.#service = service
    this.#rules = rules
    this.#deps = deps
  }

  get known(): readonly KnownEndpoint[] {
    return this.#known
  }

  get ejected(): number {
    return this.#ejected
  }

  get panic(): boolean {
    return this.#panic
  }

  setKnown(known: readonly KnownEndpoint[]): void {
    this.#known = known
    this.#rebuild()
  }

  setRules(rules: RotationRules): void {
    this.#rules = rules
    this.#rebuild()
  }

  /**
   * Probes ride on calls that have tried nothing yet: a retry has already failed its caller once. One that waits until
   * something is ready begins anew with every look, and may be the only call there is.
   */
  pick(attempt: Attempt<unknown>): KnownEndpoint | undefined {
    if (this.#offers.length > 0 && attempt.tried.size === 0) {
      const probe = this.#takeProbe(attempt)
      if (probe !== undefined) return probe
    }
    const endpoint = this.#lastResort(attempt) ?? this.#picker(attempt, attempt.tried)
    if (endpoint?.offered === true) endpoint.offered = false
    return endpoint
  }

  /** Whether another may go: one always where there is another; beyond that, `maxEjectedPercent` is not exceeded. */
  get mayEject(): boolean {
    const { outlier } = this.#rules
    if (outlier === false) return false
    const count = this.#known.length
    const allowed = Math.max(count > 1 ? 1 : 0, Math.floor(count * outlier.maxEjectedPercent + 1e-9))
    return this.#ejected < allowed
  }

  /** One of its endpoints was ejected or re-admitted. */
  refresh(): void {
    this.#rebuild()
  }

  /** A call that may be repeated takes the probe; after another base period without one, any call does. */
  offer(endpoint: KnownEndpoint): void {
    const { outlier } = this.#rules
    if (outlier === false) return
    // An earlier one may have been taken over the other protocol.
    const earlier = this.#offers.findIndex((offer) => offer.endpoint === endpoint)
    if (earlier !== -1) this.#offers.splice(earlier, 1)
    this.#offers.push({ endpoint, anyFromMs: this.#deps.clock.now() + outlier.baseEjection })
  }

  /** Offers stand in the order of their time, so only the first living one needs a look. */
  #takeProbe(attempt: Attempt<unknown>): KnownEndpoint | undefined {
    for (let offer = this.#offers[0]; offer !== undefined; offer = this.#offers[0]) {
      if (offer.endpoint.offered) {
        const { call, startedMs } = attempt
        const repeatable = call.idempotent && call.replayable && call.options.retry !== false
        if (!repeatable && startedMs < offer.anyFromMs) return undefined
        this.#offers.shift()
        offer.endpoint.offered = false
        return offer.endpoint
      }
      this.#offers.shift()
    }
    return undefined
  }

  #lastResort({ unreached, tried }: Attempt<unknown>): KnownEndpoint | undefined {
    if (unreached !== true || this.#ejected === 0) return undefined
    let last: KnownEndpoint | undefined
    for (const endpoint of this.#known) {
      if (tried.has(endpoint)) continue
      if (!endpoint.ejected) return undefined
      last ??= endpoint
    }
    return last
  }

  #rebuild(): void {
    const { balance, outlier } = this.#rules
    let gone = 0
    for (const { ejected } of this.#known) if (ejected) gone += 1
    this.#ejected = gone
    const available = gone === 0 ? this.#known : this.#known.filter(({ ejected }) => !ejected)
    const threshold = outlier === false ? 0 : outlier.panicThreshold
    const panic = available.length < this.#known.length * threshold
    this.#picker = balancerNamed(balance).picker(panic ? this.#known : available, this.#deps)
    if (panic === this.#panic) return
    this.#panic = panic
    this.#deps.events.emit('panic', {
      service: this.#service,
      available: available.length,
      known: this.#known.length,
      active: panic,
    })
  }
}
