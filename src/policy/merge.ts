import type { AnyPiece } from './schema.ts'

/**
 * What one piece comes to at one place: levels from the widest to the narrowest, each over the one before, field by
 * field; lists replace. `false` switches the piece off, and what a narrower level says after that starts afresh.
 * Where somebody said anything, `whenPresent` and then `defaults` fill in what nobody did.
 */
export function settle(piece: AnyPiece, levels: readonly unknown[]): unknown {
  const said = levels.reduce(overlay, undefined)
  if (said === undefined) return deepFreeze(piece.defaults)
  if (said === false) return false
  return deepFreeze(overlay(overlay(piece.defaults, piece.whenPresent), said))
}

/** `over` on top of `base`: two mappings field by field, anything else replaces; undefined says nothing. */
export function overlay(base: unknown, over: unknown): unknown {
  if (over === undefined) return base
  if (!isMapping(base) || !isMapping(over)) return over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) merged[key] = overlay(base[key], value)
  return merged
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
