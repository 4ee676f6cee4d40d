import { z } from 'zod'
import { ADDRESS_ACCEPTS, parseAddress } from '../core/address.ts'
import { type EndpointSpec, endpointId } from '../core/endpoint.ts'
import type { PolicyPiece } from '../core/piece.ts'
import type { RouteMatch } from '../core/plan.ts'
import { fields, oneOf, wholeNumber } from '../core/units.ts'
import { GLOB_ACCEPTS, globMistake } from './glob.ts'
import { grpcMatchSchema } from './grpc-match.ts'
import { canonicalAuthority, HOST_ACCEPTS } from './hosts.ts'

/** The keys of a document that no layer owns: they say what a service and a route are. */

const MAX_ENDPOINTS = 5000
const MAX_HOSTS = 1000

export const hostsSchema = z
  .array(
    z
      .string({ error: `expected ${HOST_ACCEPTS}` })
      .refine((text) => canonicalAuthority(text) !== undefined, { error: `expected ${HOST_ACCEPTS}` })
      .transform((text) => canonicalAuthority(text) as string),
    { error: 'expected a list of host names such as [orders.internal:8080]' },
  )
  .max(MAX_HOSTS, { error: `expected at most ${MAX_HOSTS} host names` })
  .meta({
    description:
      'Host names that mean this service, so that existing URLs keep working; with a port or without.',
  })

const addressSchema = z
  .string({ error: `expected ${ADDRESS_ACCEPTS}` })
  .refine((text) => parseAddress(text) !== undefined, { error: `expected ${ADDRESS_ACCEPTS}` })
  .meta({ description: 'An address with a port: 127.0.0.1:4001, [::1]:4001, orders.internal:4001' })

const text = (what: string) => z.string({ error: `expected ${what}` })

const endpointSchema = z.union(
  [
    addressSchema.transform((address): EndpointSpec => parseAddress(address) as EndpointSpec),
    fields({
      address: addressSchema,
      weight: wholeNumber(1, 1000).optional().meta({ description: 'Relative share of traffic; default 1' }),
      zone: text('the name of a zone').optional(),
      version: text('a version as text').optional(),
      protocol: oneOf(['http', 'grpc']).optional().meta({
        description:
          'What it speaks: calls of the other protocol do not see it; default whatever it is called with',
      }),
      meta: z.record(z.string(), text('text'), { error: 'expected a mapping of text to text' }).optional(),
    }).transform(
      ({ address, ...rest }): EndpointSpec => ({ ...(parseAddress(address) as EndpointSpec), ...rest }),
    ),
  ],
  { error: `expected ${ADDRESS_ACCEPTS}` },
)

export const endpointsSchema = z
  .array(endpointSchema, { error: 'expected a list of addresses such as [127.0.0.1:4001]' })
  .max(MAX_ENDPOINTS, { error: `expected at most ${MAX_ENDPOINTS} addresses` })
  .superRefine((endpoints, context) => {
    const seen = new Set<string>()
    for (const [index, { address, port }] of endpoints.entries()) {
      const id = endpointId(address, port)
      if (seen.has(id)) context.addIssue({ code: 'custom', path: [index], message: 'the same address twice' })
      seen.add(id)
    }
  })
  .meta({ description: 'Addresses of this service, used where no discovery source knows better.' })

const METHODS = 'expected a list of methods such as [GET, HEAD]'

export const matchSchema: z.ZodType<
  RouteMatch,
  { path?: string | undefined; method?: string[] | undefined; grpc?: RouteMatch['grpc'] }
> = fields({
  path: z
    .string({ error: `expected ${GLOB_ACCEPTS}` })
    .superRefine((pattern, context) => {
      const mistake = globMistake(pattern)
      if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake })
    })
    .optional()
    .meta({ description: 'A path pattern: /v1/**, /orders/{id}, /files/*.csv' }),
  method: z
    .array(
      z
        .string({ error: METHODS })
        .regex(/^[a-z][a-z-]*$/i, { error: 'expected a method such as GET' })
        .transform((method) => method.toUpperCase()),
      { error: METHODS },
    )
    .min(1, { error: METHODS })
    .optional()
    .meta({ description: 'Methods; all where it is left out' }),
  grpc: grpcMatchSchema.optional(),
})
  .refine(({ path, method, grpc }) => path !== undefined || method !== undefined || grpc !== undefined, {
    error: 'expected path, method or both, or grpc',
  })
  .refine(({ path, method, grpc }) => grpc === undefined || (path === undefined && method === undefined), {
    path: ['grpc'],
    error: 'expected grpc alone, without path and method (a gRPC call is a POST of /service/method)',
  })
  .meta({ description: 'Which calls this route is for; the first route that matches counts.' })

/** Only a route can promise this: a whole service rarely has none but idempotent calls. */
export const idempotentSchema = z.boolean({ error: 'expected true or false' }).meta({
  description: 'This route may be executed twice, so its calls may be sent again whatever their method.',
})

export type CancelWhat = 'all' | 'safe' | 'none'

/** Which outgoing calls are cancelled when the inbound request that made them is gone (ARCHITECTURE 9). */
export const cancelPiece: PolicyPiece<CancelWhat | undefined> = {
  key: 'cancel',
  scope: 'route',
  schema: oneOf(['all', 'safe', 'none']).meta({
    description:
      'Which calls are cancelled when the request that made them goes away; default safe, and all from gRPC to gRPC.',
  }),
  defaults: undefined,
  traits: (cancel) => ({ cancel }),
}
