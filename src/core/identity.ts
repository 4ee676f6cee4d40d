import type { MeshError } from './errors.ts'

/** How a listener, or the calls to a service, treat mutual TLS (SEMANTICS 2.21). */
export const MTLS_MODES = ['strict', 'permissive', 'disable'] as const
export type MtlsMode = (typeof MTLS_MODES)[number]

/** The mode of calls as configured in this process. */
export interface LocalMode {
  readonly mode: MtlsMode
  /** Somebody wrote it down; a default gives way to policy. */
  readonly written: boolean
}

/** What new handshakes use: a value of one moment. */
export interface TlsMaterial {
  /** Grows with every change of certificate, bundle or deny list. */
  readonly generation: number
  /** A `SecureContext` of `node:tls`, made once per generation: our chain and key, the roots we believe. */
  readonly context: object
  /** Of our own leaf, wall-clock milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** A peer whose chain TLS has verified and whose SPIFFE ID has been read from the DER. */
export interface VerifiedPeer {
  readonly id: string
  /** The last segment of `/ns/…/dc/…/svc/<name>`; undefined where the path has another shape. */
  readonly service: string | undefined
  readonly serial: string
  /** Wall-clock milliseconds. */
  readonly notAfterMs: number
  /** DER, leaf first, as the peer sent it: to judge again when trust changes. */
  readonly chain: readonly Uint8Array[]
}

/**
 * `renewed`: our own certificate, or a root more; what is open stays good and ages out. `trust`: a root or an identity lost
 * our trust; what is open must be judged again at once.
 */
export type IdentityChange = 'renewed' | 'trust'

/** Who this process is and whom it believes, as the transports see it; the identity room implements it. */
export interface Identity {
  /** Our own SPIFFE ID; undefined before the first certificate. */
  readonly id: string | undefined
  /** Undefined before the first certificate. */
  readonly current: TlsMaterial | undefined
  /** Why no handshake can be made now: no certificate yet (TULLE_IDENTITY), or ours is over (TULLE_IDENTITY_EXPIRED). */
  refusal(): MeshError | undefined
  /**
   * The SPIFFE ID a service must prove: ours with the service's name in the place of our own. Undefined where our own
   * ID does not end with our service's name; then endpoints must say theirs.
   */
  idOf(service: string): string | undefined
  /**
   * Judges a peer after TLS has verified its chain: every rule of SPIFFE's X509-SVID, the trust domain, the deny
   * list, and on the client's side that it is the one that was meant. TULLE_PEER with the reason where it is not.
   * @param chain DER, leaf first
   * @param expected the SPIFFE ID that was meant; undefined on the server's side
   */
  judge(chain: readonly Uint8Array[], expected?: string): VerifiedPeer | MeshError
  /** Whether a peer judged before has become unacceptable: expired, banned, its root gone. Undefined: it has not. */
  objection(peer: VerifiedPeer): MeshError | undefined
  /** @returns the removal. A listener must not throw. */
  onChange(listener: (change: IdentityChange) => void): () => void
}
