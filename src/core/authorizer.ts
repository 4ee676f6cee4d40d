import type { VerifiedPeer } from './identity.ts'

/** An inbound call as an authorizer sees it: canonical already, so that what is judged is what the application gets. */
export interface AccessRequest {
  /** Undefined: the caller is not known (plaintext let in); only a rule about everybody can match. */
  readonly peer: Pick<VerifiedPeer, 'id' | 'service'> | undefined
  readonly method: string
  /** Normalised, without the query. */
  readonly path: string
  /** Every value of a header, in order; a header that was sent twice has two. Lower-case name. */
  header(name: string): readonly string[]
}

export interface Verdict {
  readonly allowed: boolean
  /** For people: `intention web → orders: deny`, `default deny`. Never a header's value. */
  readonly reason: string
}

/** Who may do what here. Synchronous: everything it needs is held in memory, and stays in force while its source is away. */
export interface Authorizer {
  judge(request: AccessRequest): Verdict
}

/** Rules about the callers of one service, compiled. */
export interface CallerRules {
  /** Undefined: no rule speaks of this caller, or none of this request; the default decides. */
  judge(request: AccessRequest): Verdict | undefined
  /** How many there are. */
  readonly size: number
  /** What of them is not understood and therefore denies, one line each. */
  readonly problems: readonly string[]
}

/** Of a regular expression in RE2's syntax, against the whole of a text, in linear time. */
export interface Pattern {
  matches(text: string): boolean
}

/** @returns words where it cannot be used: no RE2 syntax, or too large */
export type CompilePattern = (source: string) => Pattern | string

/** Throws, with words that name the place, where something has another type than it must have. */
export type CompileRules = (service: string, rules: readonly unknown[]) => CallerRules

/** What a caller is told of a refusal, over every protocol: that it is one, never by which rule. */
export const DENIED = Object.freeze({
  message: 'This caller may not do this here.',
  hint: 'Whoever runs this service finds the rule that decided in its log; whoever runs the mesh can change it.',
})
