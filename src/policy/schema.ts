import { z } from 'zod'
import type { PolicyPiece } from '../core/piece.ts'
import { cancelPiece, endpointsSchema, hostsSchema, idempotentSchema, matchSchema } from './pieces.ts'

/** Any piece, whatever its parameters are. */
export type AnyPiece = PolicyPiece<unknown>

/** The pieces of a document in the order they are published: those of the modules, then policy's own. */
export function allPieces(modules: readonly AnyPiece[]): readonly AnyPiece[] {
  return [...modules, cancelPiece]
}

const MAX_ROUTES = 256
export const SERVICE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
export const SERVICE_NAME_ACCEPTS =
  'expected a service name: lower-case letters, digits and inner hyphens, at most 63'

/** One schema for the whole document, from the modules that own its parts. Unknown keys are mistakes. */
export function documentSchema(modules: readonly AnyPiece[]): z.ZodType {
  const pieces = allPieces(modules)
  const service = z.strictObject({
    hosts: hostsSchema.optional(),
    endpoints: endpointsSchema.optional(),
    ...level(pieces, 'service'),
    routes: z
      .array(routeSchema(pieces), { error: 'expected a list of routes' })
      .max(MAX_ROUTES, { error: `expected at most ${MAX_ROUTES} routes` })
      .optional()
      .meta({ description: 'The first route that matches counts; everything else is the service itself.' }),
  })
  return z.strictObject({
    version: z
      .literal(1, { error: 'expected 1' })
      .meta({ description: 'The version of this document format.' }),
    defaults: z
      .strictObject(level(pieces, 'service'))
      .optional()
      .meta({ description: 'For every service, overridden field by field.' }),
    services: z
      .record(z.string().regex(SERVICE_NAME, { error: SERVICE_NAME_ACCEPTS }), service)
      .optional()
      .meta({ description: 'Settings by service name.' }),
  })
}

function routeSchema(pieces: readonly AnyPiece[]): z.ZodType {
  return z.strictObject({
    match: matchSchema,
    idempotent: idempotentSchema.optional(),
    ...level(
      pieces.filter(({ scope }) => scope === 'route'),
      'route',
    ),
  })
}

function level(pieces: readonly AnyPiece[], of: 'service' | 'route'): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {}
  for (const piece of pieces) {
    const schema = of === 'route' ? (piece.routeSchema ?? piece.schema) : piece.schema
    shape[piece.key] = schema.optional()
  }
  return shape
}
