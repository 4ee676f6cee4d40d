import type { BalancerDeps } from '../balance/balancer.ts'
import type { Attempt } from '../core/attempt.ts'
import type { Call } from '../core/call.ts'
import type { Events } from '../core/events.ts'
import type { KnownEndpoint } from './known-endpoint.ts'
import { Rotation, type RotationRules } from './rotation.ts'

type Protocol = Call<unknown>['protocol']

/**
 * The endpoints of one service by what they speak. Where all speak whatever they are called with there is one rotation
 * for both protocols. Else each protocol has one of its own, of those that speak it or say nothing: it has its own
 * balance, panic, and share that may be ejected, so that gRPC ports that fail do not count against HTTP ones. What an
 * endpoint is, ejected or offered for a probe, it is in every rotation it stands in.
 */
export class Rotations {
  readonly #service: string
  readonly #deps: BalancerDeps & { readonly events: Events }
  #rules: RotationRules
  #known: readonly KnownEndpoint[] = []
  #http: Rotation
  /** The same object where nothing tells the protocols apart. */
  #grpc: Rotation

  constructor(service: string, rules: RotationRules, deps: BalancerDeps & { readonly events: Events }) {
    this.#service = service
    this.#rules = rules
    this.#deps = deps
    this.#http = this.#make()
    this.#grpc = this.#http
  }

  get known(): readonly KnownEndpoint[] {
    return this.#known
  }

  /** Those that calls of this protocol are picked among, ejected ones included. */
  speaking(protocol: Protocol): readonly KnownEndpoint[] {
    return this.#of(protocol).known
  }

  get ejected(): number {
    if (this.#http === this.#grpc) return this.#http.ejected
    return this.#known.filter(({ ejected }) => ejected).length
  }

  /** True where ejection is ignored for calls of either protocol. */
  get panic(): boolean {
    return this.#http.panic || this.#grpc.panic
  }

  setKnown(known: readonly KnownEndpoint[]): void {
    this.#known = known
    let onlyHttp = 0
    let onlyGrpc = 0
    for (const { protocol } of known) {
      if (protocol === 'http') onlyHttp += 1
      else if (protocol === 'grpc') onlyGrpc += 1
    }
    const apart = onlyHttp + onlyGrpc > 0
    if (apart !== (this.#http !== this.#grpc)) this.#part(apart)
    this.#http.setKnown(without(onlyGrpc, known, 'http'))
    if (apart) this.#grpc.setKnown(without(onlyHttp, known, 'grpc'))
  }

  #part(apart: boolean): void {
    if (!apart) {
      this.#grpc.setKnown([])
      this.#grpc = this.#http
      return
    }
    this.#grpc = this.#make()
    for (const endpoint of this.#known) if (endpoint.offered) this.#grpc.offer(endpoint)
  }

  setRules(rules: RotationRules): void {
    this.#rules = rules
    this.#http.setRules(rules)
    if (this.#grpc !== this.#http) this.#grpc.setRules(rules)
  }

  pick(attempt: Attempt<unknown>): KnownEndpoint | undefined {
    return this.#of(attempt.call.protocol).pick(attempt)
  }

  /** False where it is ejected already, or where one of its rotations may not lose another. */
  eject(endpoint: KnownEndpoint): boolean {
    if (endpoint.ejected || !this.#with(endpoint).every(({ mayEject }) => mayEject)) return false
    endpoint.ejected = true
    for (const rotation of this.#with(endpoint)) rotation.refresh()
    return true
  }

  readmit(endpoint: KnownEndpoint): void {
    if (!endpoint.ejected) return
    endpoint.ejected = false
    endpoint.offered = false
    for (const rotation of this.#with(endpoint)) rotation.refresh()
  }

  /** One probe, whichever protocol's call takes it. */
  offerProbe(endpoint: KnownEndpoint): void {
    if (!endpoint.ejected || endpoint.offered || this.#rules.outlier === false) return
    endpoint.offered = true
    for (const rotation of this.#with(endpoint)) rotation.offer(endpoint)
  }

  #make(): Rotation {
    return new Rotation(this.#service, this.#rules, this.#deps)
  }

  #of(protocol: Protocol): Rotation {
    return protocol === 'grpc' ? this.#grpc : this.#http
  }

  #with(endpoint: KnownEndpoint): readonly Rotation[] {
    if (this.#http === this.#grpc) return [this.#http]
    if (endpoint.protocol !== undefined) return [this.#of(endpoint.protocol)]
    return [this.#http, this.#grpc]
  }
}

/** Without so many that speak the other protocol alone; mostly they are none, or all. */
function without(
  others: number,
  known: readonly KnownEndpoint[],
  wanted: Protocol,
): readonly KnownEndpoint[] {
  if (others === 0) return known
  return others === known.length ? [] : known.filter((endpoint) => speaks(endpoint, wanted))
}

function speaks({ protocol }: KnownEndpoint, wanted: Protocol): boolean {
  return protocol === undefined || protocol === wanted
}
