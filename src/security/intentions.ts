import type { z } from 'zod'
import type { AccessRequest, CallerRules, CompilePattern, Verdict } from '../core/authorizer.ts'
import { MeshError } from '../core/errors.ts'
import { ANY, callerOf } from './caller.ts'
import { type IntentionWire, intentionWire } from './intention-wire.ts'
import { Rule } from './rule.ts'

/** Callers remembered with the rule that speaks of them; whoever has more identities starts the memory afresh. */
const MAX_REMEMBERED = 1024

/**
 * Compiles what Consul has on the callers of one service. Exactly one intention decides on a caller: the one whose
 * destination is the most exact, then whose source is; of equals the one that denies. Its permissions are looked at from
 * the top, and the first that matches decides (docs/connect/intentions). A caller that is not known (plaintext that was
 * let in, an identity of another shape than Consul's) is allowed nothing by any of them, and denied what they deny
 * everybody.
 *
 * An intention of which anything is not understood denies.
 *
 * @param service our own name
 * @param list of `/v1/connect/intentions/match?by=destination`
 * @param compile for regular expressions
 * @throws MeshError TULLE_CONSUL, naming the place in the list, where a field that is read has another type
 */
export function compileIntentions(
  service: string,
  list: readonly unknown[],
  compile: CompilePattern,
): CallerRules {
  const rules = list
    .map(read)
    .filter(({ DestinationName: name }) => name === service || name === ANY)
    .map((wire) => new Rule(wire, compile))
  rules.sort((a, b) => b.precedence - a.precedence || a.leniency - b.leniency)
  return new Intentions(rules)
}

function read(item: unknown, at: number): IntentionWire {
  const { data, error } = intentionWire.safeParse(item)
  if (error === undefined) return data
  const { path, message } = error.issues[0] as z.core.$ZodIssue
  throw new MeshError('TULLE_CONSUL', `${[at, ...path].join('.')}: ${message}`, { layer: 'intentions' })
}

class Intentions implements CallerRules {
  readonly size: number
  readonly problems: readonly string[]
  readonly #rules: readonly Rule[]
  readonly #ofEverybody: readonly Rule[]
  readonly #known = new Map<string, Rule | undefined>()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
    this.#ofEverybody = rules.filter((rule) => rule.speaksOfEverybody)
    this.size = rules.length
    this.problems = rules.flatMap(({ problem }) => problem ?? [])
  }

  judge(request: AccessRequest): Verdict | undefined {
    const id = request.peer?.id
    const caller = id === undefined ? undefined : this.#ruleOf(id)
    if (caller === 'unknown' || id === undefined) return this.#judgeUnknown(request)
    return caller?.judge(request)
  }

  #ruleOf(id: string): Rule | undefined | 'unknown' {
    if (this.#known.has(id)) return this.#known.get(id)
    const caller = callerOf(id)
    if (caller === undefined) return 'unknown'
    const rule = this.#rules.find((one) => one.speaksOf(caller))
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.set(id, rule)
    return rule
  }

  #judgeUnknown(request: AccessRequest): Verdict | undefined {
    for (const rule of this.#ofEverybody) {
      const verdict = rule.denies(request)
      if (verdict !== undefined) return verdict
    }
    return undefined
  }
}
