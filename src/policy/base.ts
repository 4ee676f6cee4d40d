import type { RouteMatch } from '../core/plan.ts'
import type { Level } from './document.ts'

/** One level of a policy, and who says it. */
export interface Sourced {
  readonly level: Level
  /** For people, by the key of the piece: `consul service-resolver/orders ConnectTimeout`. */
  readonly from: Readonly<Record<string, string>>
}

export interface BaseRoute {
  readonly match: RouteMatch
  readonly own: Sourced
  /** For people: `consul service-router/orders Routes[1]`. */
  readonly from: string
}

/** What stands below every document of ours for one service, from the widest level to the narrowest. */
export interface BaseService {
  /** The same where it says the same; undefined: it says nothing. */
  readonly version: string | undefined
  readonly levels: readonly Sourced[]
  /** In force where no document gives the service routes of its own: lists replace. */
  readonly routes: readonly BaseRoute[]
}

/** Policy that somebody else's configuration brings: above the built-in values, below our documents. */
export interface BasePolicy {
  readonly version: string | undefined
  /** Services that something is said of. */
  readonly services: ReadonlyMap<string, BaseService>
  /** Of every other service. */
  readonly general: BaseService
}

export const NO_BASE: BaseService = Object.freeze({ version: undefined, levels: [], routes: [] })
