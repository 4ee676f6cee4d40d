import { z } from 'zod'
import { type AnyPiece, documentSchema } from './schema.ts'

/** As much of JSON Schema as is published and read back here. */
export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly [keyword: string]: unknown
}

export const POLICY_SCHEMA_ID = 'urn:tulle:policy:1'

/** The schema editors are given (`tulle policy schema`), from the definitions that parse. Draft 2020-12. */
export function policyJsonSchema(modules: readonly AnyPiece[]): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(documentSchema(modules), {
    io: 'input',
    target: 'draft-2020-12',
  }) as JsonSchema
  return {
    $schema,
    $id: POLICY_SCHEMA_ID,
    title: 'tulle policy',
    description: 'How calls to each service are balanced, bounded, tried again and refused.',
    ...rest,
  }
}

/** The keys that are accepted at a place of the document; empty where no mapping is. */
export function acceptedKeys(schema: JsonSchema, path: readonly PropertyKey[]): readonly string[] {
  return [...new Set(at([schema], path).flatMap(({ properties }) => Object.keys(properties ?? {})))]
}

function at(schemas: readonly JsonSchema[], path: readonly PropertyKey[]): readonly JsonSchema[] {
  const flat = schemas.flatMap((schema) => [schema, ...(schema.anyOf ?? [])])
  const [key, ...rest] = path
  if (key === undefined) return flat
  return at(
    flat.flatMap((schema) => {
      const { additionalProperties: others } = schema
      const next =
        typeof key === 'number'
          ? schema.items
          : (schema.properties?.[String(key)] ?? (typeof others === 'object' ? others : undefined))
      return next === undefined ? [] : [next]
    }),
    rest,
  )
}
