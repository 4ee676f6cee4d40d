import { z } from 'zod'
import { isAddress } from './address.ts'

/**
 * What the plane and its clients say to each other: both sides parse with these. Objects are loose, so that either
 * side may be newer than the other; what is needed is checked.
 */

const SERVICE = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/)
const label = z.string().min(1).max(128)

export const endpointWire = z
  .looseObject({
    address: z.string().max(253),
    port: z.int().min(1).max(65_535),
    weight: z.number().positive().max(1000).optional(),
    zone: label.optional(),
    version: label.optional(),
    protocol: z.enum(['http', 'grpc']).optional(),
    /** How the listener treats TLS; `disable`: it speaks plaintext only. */
    mtls: z.enum(['strict', 'permissive', 'disable']).optional(),
  })
  .refine(({ address, port }) => isAddress(address, port), 'not an address')
export type EndpointWire = z.infer<typeof endpointWire>

/** PUT /v1/instances/:instance — everything one process serves; replaces what it registered before. → 200 { ttlMs } */
export const registrationWire = z.looseObject({
  service: SERVICE,
  endpoints: z.array(endpointWire).max(32),
})
export type RegistrationWire = z.infer<typeof registrationWire>

/** Also answers POST /v1/instances/:instance/heartbeat; 404 there: the plane does not know the instance, register again. */
export const leaseWire = z.looseObject({ ttlMs: z.number().positive() })

const endpointsOf = <T extends z.ZodType>(endpoint: T) =>
  z.looseObject({
    services: z.record(z.string(), z.array(endpoint).max(20_000)),
    known: z.array(z.string()).max(20_000),
  })

/** GET /v1/endpoints?service=a&service=b, a long poll over exactly these services, and over the names that exist. */
export const endpointsWire = endpointsOf(endpointWire)
/** The same, its endpoints still to be judged: for who knows most of them already, since there may be 20,000. */
export const endpointsFrame = endpointsOf(z.unknown())
export type EndpointsWire = z.infer<typeof endpointsWire>

/** GET /v1/policy, a long poll. `sequence` only grows, also when an old content is rolled back to. */
export const policyWire = z.looseObject({
  sequence: z.int().min(0),
  documents: z.array(z.looseObject({ name: z.string().min(1).max(200), text: z.string() })).max(2000),
})
export type PolicyWire = z.infer<typeof policyWire>

/** POST /v1/acks — what a process runs, and what it refused and why. */
export const ackWire = z.looseObject({
  instance: z.string().min(1).max(200),
  service: SERVICE,
  sequence: z.int().min(0),
  refused: z.array(z.string().max(2000)).max(50),
})
export type AckWire = z.infer<typeof ackWire>

/** GET /v1/trust, a long poll, open to everybody. `bundle` is a SPIFFE bundle (JWKS) as text; `denied` are SPIFFE IDs. */
export const trustWire = z.looseObject({
  trustDomain: z.string(),
  bundle: z.string(),
  denied: z.array(z.string()).max(10_000),
})
export type TrustWire = z.infer<typeof trustWire>

/** POST /v1/svid { csr } → the chain, leaf first, PEM each; by join token for the first, by SVID for renewals. */
export const svidRequestWire = z.looseObject({ csr: z.string().max(8192), service: SERVICE })
export const svidWire = z.looseObject({ chain: z.array(z.string()).min(1).max(8), trust: trustWire })
export type SvidWire = z.infer<typeof svidWire>

/** What the plane says when it refuses: a TULLE_ code or a word, and a sentence with what to do. */
export const refusalWire = z.looseObject({
  error: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})

/**
 * What a token carries besides its secret, so that one secret is enough: where the planes are and the SHA-256 of the
 * root certificate (DER, hexadecimal) that they prove themselves by.
 */
export interface TokenContent {
  readonly urls: readonly string[]
  readonly rootSha256: string
  readonly trustDomain: string
  /** The data centre in the SPIFFE IDs, which the first certificate request must name; default `dc1`. */
  readonly dc?: string | undefined
  /** The service it is bound to; undefined in an admin token. */
  readonly service?: string | undefined
}

const tokenContent = z.looseObject({
  urls: z
    .array(z.url({ protocol: /^https$/ }))
    .min(1)
    .max(16),
  rootSha256: z.string().regex(/^[0-9a-f]{64}$/),
  trustDomain: z.string().min(1).max(255),
  dc: z.string().min(1).max(255).optional(),
  service: z.string().optional(),
})

/** `tulle_join_<content>.<secret>`, both base64url; undefined: it is no token. */
export function readToken(token: string): TokenContent | undefined {
  const [, content] = /^tulle_(?:join|admin)_([\w-]+)\.[\w-]+$/.exec(token) ?? []
  if (content === undefined || token.length > 8192) return undefined
  try {
    const bytes = Uint8Array.from(atob(content.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    )
    return tokenContent.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data
  } catch {
    return undefined
  }
}
