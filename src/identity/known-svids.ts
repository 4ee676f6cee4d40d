import type { MeshError } from '../core/errors.ts'
import { readSvid, type Svid } from './svid.ts'

/** How many leaves are remembered; past it the one that was read first is forgotten. */
const KNOWN = 1000

const known = new Map<string, Svid>()

/**
 * As `readSvid`, remembered by the bytes: a peer shows the same leaf on every connection, and reading DER costs more than
 * all the rest of a handshake. What a leaf says depends on its bytes alone; time, bans and trust are asked anew each time.
 */
export function knownSvid(der: Uint8Array): Svid | MeshError {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1')
  const before = known.get(bytes)
  if (before !== undefined) return before
  const svid = readSvid(der)
  if (svid instanceof Error) return svid
  if (known.size >= KNOWN) known.delete(known.keys().next().value as string)
  known.set(bytes, Object.freeze(svid))
  return svid
}
