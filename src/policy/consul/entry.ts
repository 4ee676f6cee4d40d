import { z } from 'zod'
import { found } from '../problem.ts'
import { goDurationSchema } from './go-duration.ts'

/** Consul's config entries, as far as they are read (api-docs/config). Fields that are newer than this are let pass. */

const text = z
  .string()
  .nullish()
  .transform((value) => value || undefined)
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const count = z
  .int()
  .min(0)
  .nullish()
  .transform((value) => value ?? undefined)
const maybe = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined)
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? [])
const duration = maybe(goDurationSchema)

const upstream = z.looseObject({
  Name: text,
  ConnectTimeoutMs: count,
  Limits: maybe(
    z.looseObject({ MaxConnections: count, MaxPendingRequests: count, MaxConcurrentRequests: count }),
  ),
  PassiveHealthCheck: maybe(
    z.looseObject({
      Interval: duration,
      MaxFailures: count,
      EnforcingConsecutive5xx: count,
      MaxEjectionPercent: count,
      BaseEjectionTime: duration,
    }),
  ),
})
export type Upstream = z.infer<typeof upstream>

const target = { Service: text, ServiceSubset: text, Namespace: text, Partition: text }

const destination = z.looseObject({
  ...target,
  PrefixRewrite: text,
  RequestTimeout: duration,
  IdleTimeout: duration,
  NumRetries: count,
  RetryOnConnectFailure: flag,
  RetryOnStatusCodes: list(z.int()),
  RetryOn: list(z.string()),
})
export type Destination = z.infer<typeof destination>

const httpMatch = z.looseObject({
  PathExact: text,
  PathPrefix: text,
  PathRegex: text,
  Header: list(z.unknown()),
  QueryParam: list(z.unknown()),
  Methods: list(z.string()),
})
export type HttpMatch = z.infer<typeof httpMatch>

const named = { Name: z.string().min(1).max(256) }
/** Where an entry is, in Consul Enterprise. */
const placed = { Namespace: text, Partition: text }
const gateway = { MeshGateway: maybe(z.looseObject({ Mode: text })) }

const SCHEMAS = {
  'proxy-defaults': z.looseObject({
    ...named,
    ...gateway,
    Config: maybe(z.looseObject({ protocol: text, connect_timeout_ms: count })),
  }),
  'service-defaults': z.looseObject({
    ...named,
    ...gateway,
    Protocol: text,
    UpstreamConfig: maybe(z.looseObject({ Defaults: maybe(upstream), Overrides: list(upstream) })),
  }),
  'service-resolver': z.looseObject({
    ...named,
    ...placed,
    DefaultSubset: text,
    Subsets: maybe(z.record(z.string(), z.looseObject({ Filter: text, OnlyPassing: flag }))),
    Redirect: maybe(z.looseObject({ ...target, Datacenter: text, Peer: text, SamenessGroup: text })),
    Failover: maybe(z.record(z.string(), z.unknown())),
    ConnectTimeout: duration,
    RequestTimeout: duration,
    LoadBalancer: maybe(z.looseObject({ Policy: text })),
  }),
  'service-router': z.looseObject({
    ...named,
    ...placed,
    Routes: list(
      z.looseObject({
        Match: maybe(z.looseObject({ HTTP: maybe(httpMatch) })),
        Destination: maybe(destination),
      }),
    ),
  }),
  'service-splitter': z.looseObject({
    ...named,
    ...placed,
    Splits: list(z.looseObject({ ...target, Weight: z.number().min(0).max(100) })),
  }),
} as const

export type EntryKind = keyof typeof SCHEMAS
type Of<K extends EntryKind> = z.infer<(typeof SCHEMAS)[K]>
export type ServiceResolver = Of<'service-resolver'>
export type ServiceRouter = Of<'service-router'>

/** The kinds that say something about calls, in the order in which later ones count more. */
export const ENTRY_KINDS = Object.keys(SCHEMAS) as readonly EntryKind[]

/** Entries without a mistake, by kind and name. */
export type Entries = { readonly [K in EntryKind]?: ReadonlyMap<string, Of<K>> }

export type ReadEntry<K extends EntryKind> =
  | { readonly entry: Of<K>; readonly mistake?: undefined }
  | { readonly entry?: undefined; readonly mistake: string }

/** One entry as the agent answered it, or the first mistake in what is read of it. */
export function readEntry<K extends EntryKind>(kind: K, value: unknown): ReadEntry<K> {
  const { data, error } = SCHEMAS[kind].safeParse(value)
  if (data !== undefined) return { entry: data as Of<K> }
  const issue = error?.issues[0]
  const where = issue?.path.map(String).join('.')
  const seen = found(issue?.path.reduce<unknown>(inside, value))
  return { mistake: `${where ? `${where}: ` : ''}${issue?.message ?? 'no entry'}, ${seen}` }
}

function inside(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined
}
