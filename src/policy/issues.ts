import type { z } from 'zod'
import type { SourceDocument } from './document.ts'
import { acceptedKeys, type JsonSchema } from './json-schema.ts'
import type { Nearest } from './nearest.ts'
import { found, type Path, type Problem, problemAt } from './problem.ts'
import type { AnyPiece } from './schema.ts'

type Issue = z.core.$ZodIssue

export interface IssueContext {
  readonly document: SourceDocument
  readonly pieces: readonly AnyPiece[]
  /** Made only when a key is unknown. */
  readonly jsonSchema: () => JsonSchema
  readonly nearest: Nearest
}

/** What the schema library says where a schema has no words of its own. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined
  const kinds: Readonly<Record<string, string>> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    string: 'text',
    boolean: 'true or false',
  }
  return `expected ${kinds[issue.expected] ?? `a ${issue.expected}`}`
}

/** The schema library's issue as mistakes an operator can act on: where, what was expected, what was found. */
export function problemsOf(issue: Issue, base: Path, context: IssueContext): Problem[] {
  const path = [...base, ...issue.path]
  const { document } = context
  const { name, positions } = document
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      problemAt(name, [...path, key], unknownKey(path, key, context), positions, 'key'),
    )
  if (issue.code === 'invalid_key')
    return [problemAt(name, path, issue.issues[0]?.message ?? issue.message, positions, 'key')]
  const value = valueAt(document.value, path)
  if (issue.code === 'invalid_union') {
    const branch = branchFor(value, issue.errors)
    if (branch !== undefined) return branch.flatMap((inner) => problemsOf(inner, path, context))
  }
  return [problemAt(name, path, `${issue.message}, ${found(value)}`, positions)]
}

/**
 * Of a union's alternatives the one that was meant: for a mapping or a list, that which got past its outside with the
 * fewest mistakes. A scalar is judged by the union's own sentence.
 */
function branchFor(value: unknown, branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const outside = ({ path, code }: Issue): boolean =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union')
  return branches
    .filter((issues) => !issues.some(outside))
    .reduce<readonly Issue[] | undefined>(
      (best, issues) => (best === undefined || issues.length < best.length ? issues : best),
      undefined,
    )
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return at
}

function unknownKey(path: Path, key: string, context: IssueContext): string {
  const accepted = acceptedKeys(context.jsonSchema(), path)
  if (belongsToService(path, key, context)) return 'belongs to the service: its routes share one'
  if (path.length === 1 && path[0] === 'defaults' && ['hosts', 'endpoints', 'routes'].includes(key))
    return 'belongs to one service, not to all'
  const near = context.nearest(key, accepted)
  if (near !== undefined) return `unknown key; did you mean ${near}?`
  return accepted.length === 0 ? 'unknown key' : `unknown key; expected one of ${accepted.join(', ')}`
}

/** A key that a service may have and a route may not: shared state, whole or in part. */
function belongsToService(path: Path, key: string, { pieces, jsonSchema }: IssueContext): boolean {
  if (path[0] !== 'services' || path[2] !== 'routes') return false
  const inService = [...path.slice(0, 2), ...path.slice(4)]
  return path.length === 4
    ? pieces.some((piece) => piece.key === key && piece.scope === 'service')
    : acceptedKeys(jsonSchema(), inService).includes(key)
}
