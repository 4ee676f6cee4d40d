import type { DetailedPeerCertificate, PeerCertificate, SecureContext } from 'node:tls'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { isMeshError, type MeshError, stormError } from '../core/errors.ts'
import type { Identity, TlsMaterial, VerifiedPeer } from '../core/identity.ts'
import { chainOf } from '../core/peer-chain.ts'

/** One handshake to one identity with what our own identity has at that moment, and who was found at the other end. */
export class Handshake {
  readonly credentials: ChannelCredentials
  readonly #identity: Identity
  readonly #material: TlsMaterial
  #found: VerifiedPeer | MeshError | undefined

  /** @param expected the SPIFFE ID that the peer must prove */
  constructor(identity: Identity, material: TlsMaterial, expected: string) {
    this.#identity = identity
    this.#material = material
    this.credentials = credentials.createFromSecureContext(material.context as SecureContext, {
      rejectUnauthorized: true,
      // Called when TLS has verified the chain, and not at all where a session is resumed.
      checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
        this.#found = this.#judge(certificate as DetailedPeerCertificate, expected)
        return isMeshError(this.#found) ? this.#found : undefined
      },
    })
  }

  get peer(): VerifiedPeer | undefined {
    return isMeshError(this.#found) ? undefined : this.#found
  }

  /** Why the peer is not who was meant; undefined: it is, or did not get so far. */
  get refusal(): MeshError | undefined {
    return isMeshError(this.#found) ? this.#found : undefined
  }

  /** Our certificate, or what we believe, has changed since. */
  get outdated(): boolean {
    return this.#identity.current !== this.#material
  }

  /** For a connection that is made: undefined, or why it must not be used. */
  objection(): MeshError | undefined {
    if (this.#found === undefined)
      return stormError('TULLE_PEER', 'it did not prove who it is in this handshake')
    if (isMeshError(this.#found)) return this.#found
    return this.outdated ? this.#identity.objection(this.#found) : undefined
  }

  #judge(certificate: DetailedPeerCertificate, expected: string): VerifiedPeer | MeshError {
    const peer = this.#identity.judge(chainOf(certificate), expected)
    if (isMeshError(peer) || this.#identity.current === this.#material) return peer
    // What we believe has changed since the handshake began: the chain was verified by what held then.
    return this.#identity.objection(peer) ?? peer
  }
}
