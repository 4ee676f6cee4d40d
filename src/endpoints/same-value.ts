/** Structural equality of parsed policy parameters: plain values, lists and objects without cycles. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && sameValue(fieldOf(a, key), fieldOf(b, key)))
}

const fieldOf = (holder: object, key: string): unknown => (holder as Record<string, unknown>)[key]
