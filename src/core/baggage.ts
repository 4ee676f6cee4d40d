import { trimmed } from './tracestate.ts'

/** The specification's limits on what must be carried; what exceeds them is dropped, later members first. */
export const MAX_BAGGAGE_BYTES = 8192
export const MAX_BAGGAGE_MEMBERS = 180

/** key = value, then properties that have a key and perhaps a value; white space around each. */
const MEMBER =
  /^[\w!#$%&'*+\-.^`|~]+[ \t]*=[ \t]*(?:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+[ \t]*)?(?:;[ \t]*[\w!#$%&'*+\-.^`|~]+[ \t]*(?:=[ \t]*(?:[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+[ \t]*)?)?)*$/

/**
 * Reads the lines of a W3C `baggage` header (https://www.w3.org/TR/baggage/) as the one line to send on: members
 * that break its grammar are left out, duplicates stay in their order. Undefined: nothing is left.
 */
export function readBaggage(lines: readonly string[]): string | undefined {
  const members: string[] = []
  let bytes = -1
  for (const line of lines) {
    for (const part of line.split(',')) {
      const member = trimmed(part)
      if (!MEMBER.test(member)) continue
      // Every accepted character is ASCII, so characters are bytes.
      bytes += member.length + 1
      if (bytes > MAX_BAGGAGE_BYTES || members.length === MAX_BAGGAGE_MEMBERS) return joined(members)
      members.push(member)
    }
  }
  return joined(members)
}

function joined(members: readonly string[]): string | undefined {
  return members.length === 0 ? undefined : members.join(',')
}
