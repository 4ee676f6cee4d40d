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
