import type { SvidWire } from '../../core/plane-wire.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import type { Bans } from '../access/bans.ts'
import type { Caller } from '../access/caller.ts'
import type { Door } from '../access/door.ts'
import type { JoinTokens } from '../access/join-tokens.ts'
import type { AuditLog } from '../audit.ts'
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

/** Everything the routes are made of. */
export interface Parts {
  readonly registry: Registry
  readonly policies: Policies
  readonly subscribers: Subscribers
  readonly audit: AuditLog
  readonly door: Door
  readonly tokens: JoinTokens
  readonly bans: Bans
  readonly authority: RouteAuthority
  readonly polls: LongPolls
  readonly clock: Clock
  readonly wall: () => number
  readonly log: Logger
  /** Of the package. */
  readonly version: string
  /** What a new token says of where this plane is. */
  readonly where: () => { readonly urls: readonly string[]; readonly rootSha256: string; readonly dc: string }
}
