import type { SourceDocument } from './document.ts'
import { type Path, type Problem, problemAt } from './problem.ts'

const POLLUTED = new Set(['__proto__', 'constructor', 'prototype'])
const MAX_DEPTH = 32
const MAX_VALUES = 200_000

/**
 * What is wrong with a value before any schema reads it: keys that reach for prototypes, depth, size. A value that
 * passes is a plain tree, so everything after may walk it without care (FAULTS 32, 67).
 */
export function guard({ name, value, positions }: SourceDocument): Problem[] {
  const problems: Problem[] = []
  let values = 0
  const refuse = (path: Path, message: string, of: 'key' | 'value' = 'value'): void => {
    problems.push(problemAt(name, path, message, positions, of))
  }
  const walk = (item: unknown, path: Path): void => {
    if (++values > MAX_VALUES || typeof item !== 'object' || item === null) return
    if (path.length > MAX_DEPTH) {
      refuse(path.slice(0, 6), `nested deeper than ${MAX_DEPTH} levels`)
    } else if (Array.isArray(item)) {
      for (const [index, child] of item.entries()) walk(child, [...path, index])
    } else {
      for (const key of Object.keys(item)) {
        if (POLLUTED.has(key)) refuse([...path, key], 'this key is never accepted', 'key')
        else walk((item as Record<string, unknown>)[key], [...path, key])
      }
    }
  }
  walk(value, [])
  if (values > MAX_VALUES) refuse([], `more than ${MAX_VALUES} values`)
  return problems
}
