import type { EndpointSpec } from './endpoint.ts'
import type { RouteTraits } from './piece.ts'

/** Parameters by `PolicyPiece.key`, parsed, merged and frozen. */
export type Params = Readonly<Record<string, unknown>>

/** One frozen route. A running call keeps the one it started with. */
export interface Route extends RouteTraits {
  readonly service: string
  /** `orders.routes[1]`, or `orders` for the catch-all: for errors, spans and metrics. */
  readonly name: string
  readonly params: Params
  /** The version of the document this route came from. */
  readonly policyVersion: string
  /** What may be written in `match`, compiled by `policy/match.ts`; undefined: everything. */
  readonly match?: RouteMatch | undefined
}

export interface RouteMatch {
  readonly path?: string | undefined
  readonly method?: readonly string[] | undefined
  /** gRPC calls alone: of this service (`pricing.v1.Pricing`), this method (`Quote`), or both. */
  readonly grpc?: { readonly service?: string | undefined; readonly method?: string | undefined } | undefined
}

/** Everything policy says of one service. The same object as before where its document did not change. */
export interface ServicePlan {
  readonly service: string
  readonly version: string
  readonly params: Params
  readonly hosts: readonly string[]
  /** Addresses written in the policy, used where no discovery source knows better. */
  readonly endpoints: readonly EndpointSpec[]
  /** First match wins; the last matches everything. */
  readonly routes: readonly Route[]
  /** @param protocol default `http` */
  route(method: string, path: string, protocol?: 'http' | 'grpc'): Route
}

/** One frozen policy. Swapped by one assignment. */
export interface Snapshot {
  readonly version: string
  readonly services: ReadonlyMap<string, ServicePlan>
  /** Authorities that policy maps to a service, lower case, port included where it was written. */
  readonly hosts: ReadonlyMap<string, ServicePlan>
}
