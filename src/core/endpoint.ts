import type { Attempt } from './attempt.ts'
import type { Call } from './call.ts'
import type { Hop } from './hop.ts'
import type { MtlsMode } from './identity.ts'
import type { PolicyPiece } from './piece.ts'
import type { ServiceState, Slot } from './service.ts'

/** One address as a discovery source reports it: a value. */
export interface EndpointSpec {
  /** A host name or an IP address, IPv6 without brackets. */
  readonly address: string
  readonly port: number
  /** Relative share of traffic where the balancer weighs; default 1. */
  readonly weight?: number | undefined
  readonly zone?: string | undefined
  readonly version?: string | undefined
  readonly meta?: Readonly<Record<string, string>> | undefined
  /** The SPIFFE ID this address must prove; default that of its service. Frozen once set. */
  readonly identity?: string | undefined
  /** What it speaks; undefined: whatever it is called with. Calls of another protocol do not see it. */
  readonly protocol?: 'http' | 'grpc' | undefined
  /** What its listener says of itself: with `disable` it speaks plaintext only. Never a reason to send plaintext. */
  readonly mtls?: MtlsMode | undefined
}

/** All addresses of a service as a source knows them at one moment; always the whole set. */
export interface EndpointSet {
  readonly endpoints: readonly EndpointSpec[]
}

/**
 * What the load layer keeps of an endpoint and the pickers read. Plain fields: they are touched on every call.
 * The estimate is Linkerd's peak EWMA (SEMANTICS 2.7); `endpoints/load.ts` is the only writer.
 */
export interface Load {
  inFlight: number
  /** The decayed round-trip estimate in milliseconds, as of `stampMs`. */
  ewmaMs: number
  stampMs: number
  /** When the oldest attempt still without a head was started; Infinity: none. Its age is a lower bound on the estimate. */
  oldestMs: number
  /** Until when a failed attempt speaks against the endpoint; what is left of it is a lower bound on the estimate too. */
  penaltyEndMs: number
}

/** One address with what we know of it: a thing that survives policies and set updates. */
export interface Endpoint extends EndpointSpec {
  /** `address:port`, IPv6 in brackets. Unique within its service. */
  readonly id: string
  readonly weight: number
  readonly load: Load
}

/** An endpoint as the per-endpoint layers see it. */
export interface EndpointState extends Endpoint {
  readonly service: ServiceState
  slot<T>(slot: Slot<T>): T
  /** Its layers down to the socket, for attempts that were picked for it. Built at the first pick. */
  hop(protocol: Call<unknown>['protocol']): Hop<Attempt<unknown>>
  /** This piece of the service's current plan. */
  params<P>(piece: PolicyPiece<P>): P
  readonly ejected: boolean
  /** Leaves the picker's set; false where `maxEjectedPercent` forbids it. */
  eject(): boolean
  /** Lets exactly one probe through the picker while ejected. */
  offerProbe(): void
  /** Re-enters the picker's set. */
  readmit(): void
}

export function endpointId(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
