import type { TLSSocket } from 'node:tls'
import { isMeshError } from '../../core/errors.ts'
import type { VerifiedPeer } from '../../core/identity.ts'
import { chainOf } from '../../core/peer-chain.ts'
import { judge } from '../../identity/judge.ts'
import { stillRooted } from '../../identity/rooted.ts'
import { Refusal } from '../refusal.ts'

export interface PeersOptions {
  readonly trustDomain: string
  /** DER: what is believed now; another array where it has changed. */
  readonly roots: () => readonly Uint8Array[]
  /** DER: those of our own CA, since some versions of Node tell a server the leaf alone (nodejs/node#65579). */
  readonly intermediates: () => readonly Uint8Array[]
  readonly wall: () => number
}

interface Judged {
  readonly peer: VerifiedPeer
  readonly roots: readonly Uint8Array[]
}

const NOBODY: ReadonlySet<string> = new Set()

/**
 * Who is at the other end of a TLS connection. TLS has verified the chain once, at the handshake; that it is still in its
 * time, and still leads to a root we believe, is asked at every request. The certificate is parsed once per connection.
 */
export class Peers {
  readonly #options: PeersOptions
  readonly #judged = new WeakMap<TLSSocket, Judged>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** Undefined: it has shown no certificate. @throws Refusal for one that is not acceptable */
  of(socket: TLSSocket): VerifiedPeer | undefined {
    const { trustDomain, intermediates, wall } = this.#options
    const roots = this.#options.roots()
    const known = this.#judged.get(socket)
    if (known !== undefined && known.roots === roots && wall() < known.peer.notAfterMs) return known.peer
    const chain = chainOf(socket.getPeerCertificate(true))
    if (chain.length === 0) return undefined
    if (!socket.authorized) throw unacceptable(String(socket.authorizationError))
    const peer = judge(chain, { trustDomain, denied: NOBODY, wallMs: wall() })
    if (isMeshError(peer)) throw unacceptable(peer.message)
    if (!stillRooted([...chain, ...intermediates()], roots, wall()))
      throw unacceptable('the root that signed it is believed no more')
    this.#judged.set(socket, { peer, roots })
    return peer
  }
}

function unacceptable(why: string): Refusal {
  return new Refusal('unauthenticated', `the certificate that was shown is not acceptable: ${why}`)
}
