import { newLoad } from '../balance/ewma.ts'
import type { Attempt } from '../core/attempt.ts'
import type { Call } from '../core/call.ts'
import type { EndpointSpec, EndpointState, Load } from '../core/endpoint.ts'
import type { Hop } from '../core/hop.ts'
import type { Leaf } from '../core/leaf.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { ServiceState, Slot } from '../core/service.ts'
import { Slots } from './slots.ts'

type Protocol = Call<unknown>['protocol']

/** What an endpoint needs of the service it belongs to. */
export interface Owner extends ServiceState {
  /** The layers of one endpoint down to its socket. */
  open(endpoint: EndpointState, protocol: Protocol): Leaf
  /** Waits for a closed leaf, so that a drain can be seen. */
  drain(leaf: Leaf): void
  eject(endpoint: KnownEndpoint): boolean
  offerProbe(endpoint: KnownEndpoint): void
  readmit(endpoint: KnownEndpoint): void
}

/**
 * One address of one service, with what is known of it. It belongs to exactly one service: the same address under
 * another name shares no load, no ejection and no socket with it. At rest it costs a few hundred bytes: transports
 * are opened at the first pick.
 */
export class KnownEndpoint implements EndpointState {
  readonly id: string
  readonly load: Load
  readonly service: Owner
  /** Written by `Rotation` alone, as is `offered`. */
  ejected = false
  /** A probe was offered and no call has taken it. */
  offered = false
  /** The set that listed it last, and where in it; negative: as what has replaced it. Written by `Reconciliation` alone. */
  stamp = 0
  place = 0
  /** Read of all when pickers are made. */
  weight: number
  /** Frozen as the identity is. */
  readonly protocol: EndpointSpec['protocol']
  #spec: EndpointSpec
  #slots: Slots | undefined
  #leaves: Map<Protocol, Leaf> | undefined

  constructor(service: Owner, id: string, spec: EndpointSpec, nowMs: number) {
    this.service = service
    this.#spec = spec
    this.id = id
    this.weight = weightOf(spec)
    this.protocol = spec.protocol
    this.load = newLoad(nowMs)
  }

  get spec(): EndpointSpec {
    return this.#spec
  }

  get address(): string {
    return this.#spec.address
  }

  get port(): number {
    return this.#spec.port
  }

  get zone(): string | undefined {
    return this.#spec.zone
  }

  get version(): string | undefined {
    return this.#spec.version
  }

  get meta(): Readonly<Record<string, string>> | undefined {
    return this.#spec.meta
  }

  get mtls(): EndpointSpec['mtls'] {
    return this.#spec.mtls
  }

  get identity(): string | undefined {
    return this.#spec.identity
  }

  slot<T>(slot: Slot<T>): T {
    this.#slots ??= new Slots()
    return this.#slots.get(slot)
  }

  params<P>(piece: PolicyPiece<P>): P {
    return this.service.params(piece)
  }

  hop(protocol: Protocol): Hop<Attempt<unknown>> {
    const leaf = this.#leaves?.get(protocol)
    return (leaf ?? this.#open(protocol)).hop
  }

  eject(): boolean {
    return this.service.eject(this)
  }

  offerProbe(): void {
    this.service.offerProbe(this)
  }

  readmit(): void {
    this.service.readmit(this)
  }

  /** Takes over what a source says now of the same address. The identity is frozen: with another one it is another endpoint. */
  update(spec: EndpointSpec): void {
    this.#spec = spec
    this.weight = weightOf(spec)
  }

  /** The next attempt opens its transport anew; running ones finish on the old one. */
  reopen(): void {
    const leaves = this.#leaves
    if (leaves === undefined) return
    this.#leaves = undefined
    for (const leaf of leaves.values()) this.service.drain(leaf)
  }

  /** Leaves its service: its timers stop and its transports close once the attempts on them have ended. */
  retire(): void {
    this.#slots?.drop()
    this.reopen()
  }

  /** Cuts what is left on its transports. */
  destroy(): void {
    for (const leaf of this.#leaves?.values() ?? []) leaf.destroy()
  }

  #open(protocol: Protocol): Leaf {
    const leaf = this.service.open(this, protocol)
    this.#leaves ??= new Map()
    this.#leaves.set(protocol, leaf)
    return leaf
  }
}

/** A weight that is no positive number or zero says nothing. */
export function weightOf({ weight }: EndpointSpec): number {
  return weight !== undefined && weight >= 0 && weight < Number.POSITIVE_INFINITY ? weight : 1
}
