import type { EndpointSpec } from '../core/endpoint.ts'
import type { RouteMatch } from '../core/plan.ts'
import type { PositionLookup } from './problem.ts'

/** What one level says, by `PolicyPiece.key`, parsed: only what was written. */
export type Level = Readonly<Record<string, unknown>>

export interface RouteEntry {
  readonly match: RouteMatch
  readonly idempotent?: boolean | undefined
  /** The keys that modules own. */
  readonly [key: string]: unknown
}

export interface ServiceEntry {
  readonly hosts?: readonly string[] | undefined
  readonly endpoints?: readonly EndpointSpec[] | undefined
  readonly routes?: readonly RouteEntry[] | undefined
  readonly [key: string]: unknown
}

/** A document as it was read, before anything judged it. */
export interface SourceDocument {
  /** How people call it: the path of its file. */
  readonly name: string
  /** Identifies the content: two documents with one version say the same. */
  readonly version: string
  readonly value: unknown
  readonly positions?: PositionLookup | undefined
}

/** A document without a mistake of its own. */
export interface PolicyDocument {
  readonly name: string
  readonly version: string
  readonly defaults: Level | undefined
  readonly services: ReadonlyMap<string, ServiceEntry>
  readonly positions: PositionLookup | undefined
}
