import { closest, distance } from 'fastest-levenshtein'
import type { Nearest } from '../policy/nearest.ts'

/** By edit distance; a name more than a third of whose letters would have to change is no guess worth making. */
export const nearest: Nearest = (name, names) => {
  const list = [...names]
  if (list.length === 0) return undefined
  const near = closest(name, list)
  return distance(name, near) <= Math.max(2, Math.ceil(near.length / 3)) && near !== name ? near : undefined
}
