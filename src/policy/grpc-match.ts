import { z } from 'zod'
import type { RouteMatch } from '../core/plan.ts'
import { fields } from '../core/units.ts'

type GrpcMatch = NonNullable<RouteMatch['grpc']>

const MAX_NAME = 256
const SERVICE = 'expected the full name of a gRPC service such as pricing.v1.Pricing'
const METHOD = 'expected the name of a gRPC method such as Quote'

/** `match.grpc`: names as a `.proto` file spells them, upper and lower case apart; no patterns. */
export const grpcMatchSchema = fields({
  service: z
    .string({ error: SERVICE })
    .max(MAX_NAME, { error: SERVICE })
    .regex(/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/, { error: SERVICE })
    .optional()
    .meta({ description: 'The full name of a gRPC service: pricing.v1.Pricing' }),
  method: z
    .string({ error: METHOD })
    .max(MAX_NAME, { error: METHOD })
    .regex(/^[A-Za-z_]\w*$/, { error: METHOD })
    .optional()
    .meta({ description: 'The name of a gRPC method: Quote' }),
})
  .refine(({ service, method }) => service !== undefined || method !== undefined, {
    error: 'expected service, method or both',
  })
  .meta({ description: 'gRPC calls alone, of this service, this method or both; not beside path or method' })

/** A gRPC call's path is `/service/method`: compared as a whole, or by its half, and nothing is allocated. */
export class GrpcPath {
  readonly #exact: string | undefined
  readonly #prefix: string | undefined
  readonly #suffix: string | undefined

  constructor({ service, method }: GrpcMatch) {
    this.#exact = service === undefined || method === undefined ? undefined : `/${service}/${method}`
    this.#prefix = service === undefined ? undefined : `/${service}/`
    this.#suffix = method === undefined ? undefined : `/${method}`
  }

  matches(path: string): boolean {
    if (this.#exact !== undefined) return path === this.#exact
    const prefix = this.#prefix
    if (prefix !== undefined)
      return path.length > prefix.length && path.startsWith(prefix) && path.indexOf('/', prefix.length) === -1
    const suffix = this.#suffix as string
    return path.length > suffix.length + 1 && path.endsWith(suffix) && path.charCodeAt(0) === SLASH
  }
}

const SLASH = 47

/** The same calls as a path pattern, for comparing the two kinds: it may match more, never less. */
export function grpcPattern({ service = '**', method = '*' }: GrpcMatch): string {
  return `/${service}/${method}`
}

export function grpcCovers(wide: GrpcMatch, narrow: GrpcMatch): boolean {
  return (
    (wide.service === undefined || wide.service === narrow.service) &&
    (wide.method === undefined || wide.method === narrow.method)
  )
}
