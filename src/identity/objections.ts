import { MeshError } from '../core/errors.ts'
import type { VerifiedPeer } from '../core/identity.ts'
import { stillRooted } from './rooted.ts'
import type { Trust } from './source.ts'
import { outOfTime } from './svid.ts'
import { missing } from './trust.ts'

interface Verdict {
  readonly trust: Trust
  readonly objection: MeshError | undefined
}

/**
 * Judges peers again that were judged before, at the cost of a look-up: signatures are only verified anew where the roots
 * or the deny list are others than at the last time.
 */
export class Objections {
  readonly #verdicts = new WeakMap<VerifiedPeer, Verdict>()

  /**
   * TLS has just verified the whole chain that the peer sent by the roots of this trust: more than can be repeated where
   * Node shows servers the leaf alone.
   */
  verified(peer: VerifiedPeer, trust: Trust): void {
    this.#verdicts.set(peer, { trust, objection: undefined })
  }

  /**
   * @param known intermediates that came with our own certificates, DER: some versions of Node give servers a peer's leaf
   * alone (`core/peer-chain.ts`)
   */
  of(peer: VerifiedPeer, trust: Trust, known: readonly Uint8Array[], wallMs: number): MeshError | undefined {
    if (wallMs > peer.notAfterMs)
      return outOfTime(
        { id: peer.id, notBeforeMs: Number.NEGATIVE_INFINITY, notAfterMs: peer.notAfterMs },
        wallMs,
      )
    const before = this.#verdicts.get(peer)
    if (before?.trust === trust) return before.objection
    const grown = before !== undefined && before.objection === undefined && !losesRoots(before.trust, trust)
    const objection = banned(peer, trust) ?? (grown ? undefined : unrooted(peer, trust, known, wallMs))
    this.#verdicts.set(peer, { trust, objection })
    return objection
  }
}

/** Whoever was believed by all of these roots is believed by more of them. */
const losesRoots = (before: Trust, after: Trust): boolean =>
  missing(before.bundle.roots, after.bundle.roots).length > 0

function banned({ id }: VerifiedPeer, trust: Trust): MeshError | undefined {
  return trust.denied.has(id) ? refuse(`The peer ${id} is banned.`) : undefined
}

function unrooted(
  { id, chain }: VerifiedPeer,
  trust: Trust,
  known: readonly Uint8Array[],
  wallMs: number,
): MeshError | undefined {
  if (!stillRooted([...chain, ...known], trust.bundle.roots, wallMs))
    return refuse(`The certificate of ${id} leads to none of the roots that are trusted now.`)
  return undefined
}

function refuse(message: string): MeshError {
  return new MeshError('TULLE_PEER', message, { layer: 'identity' })
}
