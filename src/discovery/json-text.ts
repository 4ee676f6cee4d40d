import { setImmediate as nextTurn } from 'node:timers/promises'

/** How many items of a list are written before others get their turn: less than a millisecond. */
const SLICE = 500

/** As `JSON.stringify` has it, and lets the event loop turn within long lists: 10,000 endpoints would hold it for 10 ms. */
export async function jsonText(value: unknown): Promise<string> {
  const parts: string[] = []
  for (const part of pieces(value)) {
    if (part === undefined) await nextTurn()
    else parts.push(part)
  }
  return parts.join('')
}

/** Undefined where others may have their turn. */
function* pieces(value: unknown): Generator<string | undefined> {
  if (Array.isArray(value) && value.length > SLICE) {
    for (let at = 0; at < value.length; at += SLICE) {
      yield at === 0 ? '[' : ','
      yield JSON.stringify(value.slice(at, at + SLICE)).slice(1, -1)
      yield undefined
    }
    yield ']'
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    let before = '{'
    for (const [key, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      yield `${before}${JSON.stringify(key)}:`
      yield* pieces(inner)
      before = ','
    }
    yield before === '{' ? '{}' : '}'
  } else yield JSON.stringify(value)
}
