import { MeshError } from '../core/errors.ts'
import type { TrustWire } from '../core/plane-wire.ts'
import { readBundle } from './bundle.ts'
import type { Trust } from './source.ts'

/** Who says whom to believe: for messages. */
export interface TrustOrigin {
  readonly name: string
  readonly code: 'TULLE_PLANE' | 'TULLE_CONSUL'
  /** What a refusal of its word advises. */
  readonly hint: string
}

export const PLANE: TrustOrigin = {
  name: 'the plane',
  code: 'TULLE_PLANE',
  hint: 'What was known before stays in force. Was the plane restored from a backup, or made anew?',
}

/**
 * Takes what is said about trust, as a whole or not at all: a bundle of another trust domain, an empty or damaged
 * one, one older than what is known (a replay, or a plane restored from a backup), or other roots under a known number
 * change nothing (SPIFFE_Trust_Domain_and_Bundle.md, section 4; FAULTS 33, 47).
 * @param trustDomain ours; undefined where nothing has told it yet
 * @returns `known` itself where nothing is new; the origin's code with the reason where it is not taken
 */
export function newerTrust(
  wire: TrustWire,
  known: Trust | undefined,
  trustDomain: string | undefined,
  origin: TrustOrigin = PLANE,
): Trust | MeshError {
  const refused = (why: string, cause?: unknown): MeshError =>
    new MeshError(origin.code, `the trust bundle of ${origin.name} is not taken: ${why}`, {
      layer: 'identity',
      cause,
      hint: origin.hint,
    })
  const expected = known?.bundle.trustDomain ?? trustDomain ?? wire.trustDomain
  if (wire.trustDomain !== expected)
    return refused(`it is of the trust domain ${wire.trustDomain}, and ours is ${expected}`)
  const bundle = readBundle(wire.bundle, expected)
  if (bundle instanceof MeshError) return refused(bundle.message, bundle)
  const older = known?.bundle
  if (older?.sequence !== undefined && bundle.sequence !== undefined) {
    if (bundle.sequence < older.sequence)
      return refused(`its number is ${bundle.sequence}, and we know ${older.sequence}`)
    if (bundle.sequence === older.sequence && !sameRoots(bundle.roots, older.roots))
      return refused(`it has other roots than the one we know under its number, ${bundle.sequence}`)
  }
  const denied = new Set(wire.denied)
  const same =
    known !== undefined && sameRoots(bundle.roots, known.bundle.roots) && sameIds(denied, known.denied)
  return same && bundle.sequence === older?.sequence ? known : { bundle, denied }
}

function sameIds(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((id) => other.has(id))
}

function sameRoots(one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean {
  return one.length === other.length && missing(one, other).length === 0
}

/** Of `roots`, those that are not among `others`. */
export function missing(roots: readonly Uint8Array[], others: readonly Uint8Array[]): Uint8Array[] {
  return roots.filter((root) => !others.some((other) => Buffer.compare(root, other) === 0))
}
