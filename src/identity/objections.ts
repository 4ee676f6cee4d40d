import { MeshError } from '../core/errors.ts'
import type { VerifiedPeer } from '../core/identity.ts'
import { stillRooted } from './rooted.ts'
import type { Trust } from './source.ts'
import { outOfTime } from './svid.ts'

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
    const objection = distrusted(peer, trust, known, wallMs)
    this.#verdicts.set(peer, { trust, objection })
    return objection
  }
}

function distrusted(
  { id, chain }: VerifiedPeer,
  trust: Trust,
  known: readonly Uint8Array[],
  wallMs: number,
): MeshError | undefined {
  if (trust.denied.has(id)) return refuse(`The peer ${id} is banned.`)
  if (!stillRooted([...chain, ...known], trust.bundle.roots, wallMs))
    return refuse(`The certificate of ${id} leads to none of the roots that are trusted now.`)
  return undefined
}

function refuse(message: string): MeshError {
  return new MeshError('TULLE_PEER', message, { layer: 'identity' })
}
