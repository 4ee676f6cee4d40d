/** What the specification wants every participant to be able to carry. Longer lists are cut by whole members. */
export const MAX_STATE_CHARACTERS = 512
const MAX_MEMBERS = 32
/** Members longer than this are the first to go. */
const LONG_MEMBER = 128

/**
 * One list member. Keys as in Level 1 (a tenant before `@` of at most 241 characters, a system after it of at most
 * 14), with Level 2's permission to begin with a digit. A value may begin with a space but not end with one.
 */
const MEMBER =
  /^(?:[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z0-9][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

/**
 * Joins and checks the lines of a `tracestate` header (https://www.w3.org/TR/trace-context/#tracestate-header).
 * Undefined: it was empty, or one mistake (a bad key or value, a key twice, more than 32 members) voids it whole.
 */
export function readTracestate(lines: readonly string[]): string | undefined {
  const members: string[] = []
  const keys = new Set<string>()
  for (const line of lines) {
    for (const part of line.split(',')) {
      const member = trimmed(part)
      if (member === '') continue
      if (members.length === MAX_MEMBERS || !MEMBER.test(member)) return undefined
      const key = member.slice(0, member.indexOf('='))
      if (keys.has(key)) return undefined
      keys.add(key)
      members.push(member)
    }
  }
  return members.length === 0 ? undefined : shortened(members).join(',')
}

/** Whole members go, never parts of one: the long ones first, then the rest, each from the end (its oldest). */
function shortened(members: readonly string[]): readonly string[] {
  let size = members.reduce((sum, member) => sum + member.length + 1, -1)
  if (size <= MAX_STATE_CHARACTERS) return members
  const kept = [...members]
  for (const limit of [LONG_MEMBER, 0]) {
    for (let at = kept.length - 1; at >= 0 && size > MAX_STATE_CHARACTERS; at--) {
      const { length } = kept[at] as string
      if (length <= limit) continue
      kept.splice(at, 1)
      size -= length + 1
    }
  }
  return kept
}

/** Without the optional white space (SP and HTAB, nothing else) that HTTP allows around values. */
export function trimmed(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return end - start === text.length ? text : text.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
