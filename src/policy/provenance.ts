import { overlay } from './merge.ts'
import type { Path } from './problem.ts'
import type { AnyPiece } from './schema.ts'

/** One value in force, and who said it. */
export interface Provenance {
  /** In the piece: `['backoff', 'base']`; empty for a piece that is one value. */
  readonly path: Path
  readonly value: unknown
  /** `built-in`, `consul service-router/orders Routes[1]`, `document mesh.yaml:12 services.orders.retry.limit`. */
  readonly from: string
}

export interface Said {
  /** What one level says of the piece; undefined: nothing. */
  readonly value: unknown
  from(path: Path): string
}

type Node = { readonly value: unknown; readonly from: string } | ReadonlyMap<string, Node>

const BUILT_IN: Said['from'] = () => 'built-in'

/** What `settle` makes of the same levels, value by value with its origin. */
export function provenance(piece: AnyPiece, levels: readonly Said[]): readonly Provenance[] {
  let said: Node | undefined
  for (const level of levels) said = over(said, nodeOf(level.value, level.from))
  const off = said !== undefined && !(said instanceof Map) && (said as { value: unknown }).value === false
  if (off) return flat(said as Node, [])
  const base = said === undefined ? piece.defaults : overlay(piece.defaults, piece.whenPresent)
  const all = over(nodeOf(base, BUILT_IN), said)
  return all === undefined ? [{ path: [], value: undefined, from: 'built-in' }] : flat(all, [])
}

function nodeOf(value: unknown, from: Said['from'], path: Path = []): Node | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { value, from: from(path) }
  const fields = new Map<string, Node>()
  for (const [key, field] of Object.entries(value)) {
    const node = nodeOf(field, from, [...path, key])
    if (node !== undefined) fields.set(key, node)
  }
  return fields
}

function over(base: Node | undefined, top: Node | undefined): Node | undefined {
  if (top === undefined) return base
  if (!(base instanceof Map) || !(top instanceof Map)) return top
  const merged = new Map<string, Node>(base)
  for (const [key, node] of top) merged.set(key, over(base.get(key), node) as Node)
  return merged
}

function flat(node: Node, path: Path): readonly Provenance[] {
  if (!(node instanceof Map)) return [{ path, ...(node as { value: unknown; from: string }) }]
  return [...node].flatMap(([key, field]) => flat(field, [...path, key]))
}
