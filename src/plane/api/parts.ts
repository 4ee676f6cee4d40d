import type { SvidWire } from '../../core/plane-wire.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import type { Bans } from '../access/bans.ts'
import type { Caller } from '../access/caller.ts'
import type { Door } from '../access/door.ts'
import type { JoinTokens } from '../access/join-tokens.ts'
import type { Audit } from '../audit.ts'
import type { Policies } from '../policies.ts'
import type { Registry } from '../registry.ts'
import type { Subscribers } from '../subscribers.ts'
import type { LongPolls, Subject } from './long-poll.ts'

/** What the routes ask of the authority. */
export interface RouteAuthority {
  readonly trustDomain: string
  /** `trustWire`. */
  readonly trust: Subject
  issue(caller: Caller, request: { readonly csr: string; readonly service: string }): Promise<SvidWire>
  /** The roots: hash, times, which of them signs. */
  describe(): object
  rotate(): Promise<void>
  retire(options: { readonly force: boolean }): Promise<void>
}

/** What a plane does that has its state to itself. */
export interface OwnParts {
  readonly registry: Registry
  readonly tokens: JoinTokens
  readonly bans: Bans
  readonly authority: RouteAuthority
  /** What a new token says of where this plane is. */
  readonly where: () => { readonly urls: readonly string[]; readonly rootSha256: string; readonly dc: string }
}

/** Everything the routes are made of. */
export interface Parts {
  readonly policies: Policies
  readonly subscribers: Subscribers
  readonly audit: Audit
  readonly door: Door
  /** Undefined: Consul has registry, health and certificates, and the plane the policy only. */
  readonly own: OwnParts | undefined
  readonly trustDomain: () => string
  readonly polls: LongPolls
  readonly clock: Clock
  readonly wall: () => number
  readonly log: Logger
  /** Of the package. */
  readonly version: string
}
