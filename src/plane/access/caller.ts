/**
 * Who asks, as the proof it brought says; what it may do is decided elsewhere. `join`: holds a join token and may ask for
 * its first certificate, nothing else. `service`: proved an SVID by mutual TLS. `admin`: holds the admin token, or is a
 * service that is named an admin.
 */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'join'; readonly tokenId: string; readonly service: string }
  | { readonly kind: 'service'; readonly service: string; readonly id: string }
  | { readonly kind: 'admin'; readonly service?: string; readonly id?: string }

/** What is known of a request before anybody judged it. */
export interface Proof {
  /** The text after `Authorization: Bearer `; undefined: there was none. */
  readonly bearer?: string | undefined
  /** The SPIFFE ID of the peer whose chain TLS verified and `judge` accepted; undefined: it showed none. */
  readonly peerId?: string | undefined
  /** The address it comes from, for the audit log. */
  readonly from: string
}

/** A failed attempt, for the audit log. Never holds a secret. */
export interface FailedAttempt {
  readonly reason: string
  readonly from: string
  readonly service?: string | undefined
  readonly tokenId?: string | undefined
  /** Attempts from the same address that were not reported since the last one that was. */
  readonly unreported: number
}
