import type { z } from 'zod'

export type Schema<P> = z.ZodType<P>

/** What a seam must know of a route before any layer runs. */
export interface RouteTraits {
  /** How many bytes of a request body may be kept to send it again; 0: never replayed. Undefined: as the protocol does. */
  readonly replayBytes?: number | undefined
  /** The policy's word that this route may be executed twice. */
  readonly idempotent: boolean
  /** Which outgoing calls die with the inbound request that made them (ARCHITECTURE 9). Undefined: as the protocol does. */
  readonly cancel?: 'all' | 'safe' | 'none' | undefined
}

/**
 * One key of the policy document, owned by the module that acts on it: its schema gives the type, the error
 * paths and the published JSON Schema, so the three cannot disagree.
 *
 * The schemas are partial (every field optional, no defaults): levels are merged field by field, defaults <
 * service < route, lists replacing, `false` switching the piece off; then `defaults` fill what nobody said.
 */
export interface PolicyPiece<P> {
  /** The key under `defaults`, `services.<name>` and (scope `route`) `routes[n]`. */
  readonly key: string
  /** `service`: shared state, so a mistake on a route. */
  readonly scope: 'service' | 'route'
  readonly schema: Schema<unknown>
  /** What a route may say, where that is less than a service may. Default: `schema`. */
  readonly routeSchema?: Schema<unknown>
  /** The built-in value. Undefined: absent until somebody asks for it. */
  readonly defaults: P
  /** Where asking for it at all fills in more than `defaults` says (a breaker asked for by one field). */
  readonly whenPresent?: unknown
  traits?(params: P): Partial<RouteTraits>
}
