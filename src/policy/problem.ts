import { MeshError } from '../core/errors.ts'

export type Path = readonly PropertyKey[]

/** A place in a text, both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Where a key or its value stands in the text a document was read from; undefined: there was no text. */
export type PositionLookup = (path: Path, of: 'key' | 'value') => Position | undefined

/** One mistake of a policy document, or one warning about it. */
export interface Problem {
  /** `services.orders.routes[1].retry.limit`; empty for the document as a whole. */
  readonly path: string
  readonly message: string
  readonly file: string
  readonly line?: number | undefined
  readonly column?: number | undefined
}

/** `services.orders.routes[1].retry`; keys that are no plain words are quoted. */
export function pathText(path: Path): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else if (/^[\w-]+$/.test(String(key))) text += text === '' ? String(key) : `.${String(key)}`
    else text += `[${JSON.stringify(String(key))}]`
  }
  return text
}

/** `services.orders.retry.limit: expected …, found "three" (mesh.yaml:14:24)`: one line, the same everywhere. */
export function problemText({ path, message, file, line, column }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  return `${path === '' ? '' : `${path}: `}${message} (${place})`
}

/** Problems as one error: TULLE_POLICY, its message the first problem and how many more there are. */
export function policyError(problems: readonly Problem[]): MeshError {
  const [first, ...more] = problems
  const rest = more.length === 0 ? '' : ` and ${more.length} more`
  return new MeshError('TULLE_POLICY', `${first === undefined ? 'refused' : problemText(first)}${rest}`, {
    layer: 'policy',
  })
}

export function problemAt(
  file: string,
  path: Path,
  message: string,
  positions: PositionLookup | undefined,
  of: 'key' | 'value' = 'value',
): Problem {
  const position = positions?.(path, of)
  return { path: pathText(path), message, file, line: position?.line, column: position?.column }
}

const SHOWN = 60

/** A value as a mistake shows it: what was written, not too much of it. */
export function found(value: unknown): string {
  if (value === undefined || value === null) return 'found nothing'
  if (Array.isArray(value)) return 'found a list'
  if (typeof value === 'object') return 'found a mapping'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `found ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`
}
