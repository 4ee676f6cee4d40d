import type { z } from 'zod'
import type { outlierSchema } from './endpoints/outlier-policy.ts'
import type { connectSchema } from './policy/connect.ts'
import type { lookupSchema } from './policy/lookup.ts'
import type { mtlsSchema } from './policy/mtls.ts'
import type { CancelWhat, endpointsSchema, hostsSchema, matchSchema } from './policy/pieces.ts'
import type { breakerSchema } from './resilience/breaker.ts'
import type { timeoutSchema } from './resilience/deadline.ts'
import type { limitSchema } from './resilience/limit.ts'
import type { retrySchema, routeRetrySchema } from './resilience/retry-policy.ts'

/** A policy document as it is written, for policies given as values; the types come from the schemas that judge it. */
export interface PolicyDocument {
  readonly version: 1
  /** For every service, overridden field by field. */
  readonly defaults?: PolicySettings | undefined
  /** By service name. */
  readonly services?: Readonly<Record<string, PolicyService>> | undefined
}

/** What may be said of all services or of one. */
export interface PolicySettings {
  /** How long a call may take, to its last byte: `15s`. */
  readonly timeout?: Written<typeof timeoutSchema>
  readonly retry?: Written<typeof retrySchema>
  /** The name of the balancer; default `peak-ewma`. */
  readonly balance?: string | undefined
  readonly breaker?: Written<typeof breakerSchema>
  readonly outlier?: Written<typeof outlierSchema>
  readonly limit?: Written<typeof limitSchema>
  readonly connect?: Written<typeof connectSchema>
  /** How calls are protected: `strict`, `permissive` or `disable`; the local configuration may be stricter. */
  readonly mtls?: Written<typeof mtlsSchema>
  /** Where a Consul source looks for the endpoints; default: under the service's own name. */
  readonly lookup?: Written<typeof lookupSchema>
  /** Which calls are cancelled when the request that made them goes away; default `safe`. */
  readonly cancel?: CancelWhat | undefined
}

export interface PolicyService extends PolicySettings {
  /** Host names that mean this service, with a port or without. */
  readonly hosts?: Written<typeof hostsSchema>
  /** Addresses, used where no discovery source knows better. */
  readonly endpoints?: Written<typeof endpointsSchema>
  /** The first that matches counts. */
  readonly routes?: readonly PolicyRoute[] | undefined
}

/** Some calls of a service. What the whole service shares (budget, breaker, limit …) is not said here. */
export interface PolicyRoute {
  readonly match: NonNullable<Written<typeof matchSchema>>
  readonly timeout?: Written<typeof timeoutSchema>
  readonly retry?: Written<typeof routeRetrySchema>
  /** These calls may be executed twice, whatever their method. */
  readonly idempotent?: boolean | undefined
  readonly cancel?: CancelWhat | undefined
}

type Written<Schema extends z.ZodType> = DeepReadonly<z.input<Schema>> | undefined

/** So that a document declared `as const` fits. */
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T
