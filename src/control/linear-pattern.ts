import { RE2JS } from 're2js'
import type { Pattern } from '../core/authorizer.ts'

/** Longer patterns are no rule anybody reads. */
const MAX_PATTERN = 1024
/** Instructions of the compiled program; matching costs at most this many steps per character. */
const MAX_PROGRAM = 500

/** Regular expressions as Consul and Envoy have them: RE2's syntax, and matched whole. A `CompilePattern`. */
export function compilePattern(source: string): Pattern | string {
  if (source.length > MAX_PATTERN) return `a regular expression of more than ${MAX_PATTERN} characters`
  try {
    const compiled = RE2JS.compile(source)
    if (compiled.programSize() > MAX_PROGRAM)
      return `a regular expression of more than ${MAX_PROGRAM} instructions`
    return { matches: (text) => compiled.testExact(text) }
  } catch {
    return 'a regular expression that RE2 does not know'
  }
}
