import { MeshError } from '../../core/errors.ts'
import { sha256Of } from '../../identity/bundle.ts'
import { keyPem, readKey } from '../../identity/keys.ts'
import { type BroughtCa, readBrought } from './brought.ts'
import { makeRoot, rootOf, type SigningCa } from './ca.ts'
import { crossSign } from './cross-sign.ts'
import { type CaRecord, formerOf } from './record.ts'

export interface Opening {
  readonly trustDomain: string
  readonly wallMs: number
  readonly ttlMs: number
  readonly brought: BroughtCa | undefined
}

export interface Opened {
  readonly ca: SigningCa
  readonly record: CaRecord
}

const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64')
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/**
 * What a start makes of what the last one left and of what is brought along. Where `record` is another object than it
 * was given, it must be written before anything is signed. Rejects with TULLE_CONFIG.
 */
export async function openCa(record: CaRecord | undefined, opening: Opening): Promise<Opened> {
  const { trustDomain, wallMs, ttlMs, brought } = opening
  if (record !== undefined && record.trustDomain !== trustDomain)
    throw config(
      `the state directory is of the trust domain "${record.trustDomain}", and this plane is to be of "${trustDomain}"`,
      'A trust domain cannot be renamed: start with an empty directory, or with the old name.',
    )
  const given = brought === undefined ? undefined : readBrought(brought, trustDomain, wallMs)
  if (record === undefined) {
    const ca = given ?? (await makeRoot(trustDomain, wallMs))
    return {
      ca,
      record: { format: 1, trustDomain, sequence: 1, active: activeOf(ca, ttlMs, given === undefined) },
    }
  }
  if (given === undefined) return { ca: ownOf(record), record: withTtl(record, ttlMs) }
  const chain = given.chain.map(base64)
  if (chain.join() === record.active.chain.join()) return { ca: given, record: withTtl(record, ttlMs) }
  if (chain.at(-1) === record.active.chain.at(-1)) {
    // The same root: nobody needs to learn anything, and what the other certificate signed stays good.
    const active = { chain, longestTtlMs: Math.max(ttlMs, record.active.longestTtlMs) }
    return { ca: given, record: { ...record, ...formerOf(record), active } }
  }
  return { ca: given, record: succeed(record, given, { made: false, ttlMs, wallMs }) }
}

/** The record after another root has taken over. @throws MeshError TULLE_CONFIG where one does already */
export function succeed(
  record: CaRecord,
  next: SigningCa,
  { made, ttlMs, wallMs }: { readonly made: boolean; readonly ttlMs: number; readonly wallMs: number },
): CaRecord {
  if (record.previous !== undefined)
    throw config(
      'another root is to take over while the one before it is not yet retired',
      'Start with the CA that was in use, `tulle ca retire`, and then bring the new one.',
    )
  const old = record.active
  const root = old.chain.at(-1)!
  const cross = old.key === undefined ? undefined : crossSign(rootOf(next), ownOf(record))
  return {
    ...record,
    ...formerOf(record),
    sequence: record.sequence + 1,
    active: activeOf(next, ttlMs, made),
    previous: {
      root,
      leavesUntilMs: wallMs + old.longestTtlMs,
      ...(cross === undefined ? {} : { cross: base64(cross) }),
    },
  }
}

function activeOf(ca: SigningCa, ttlMs: number, made: boolean): CaRecord['active'] {
  return {
    chain: ca.chain.map(base64),
    longestTtlMs: ttlMs,
    ...(made ? { key: keyPem({ privateKey: ca.key }) } : {}),
  }
}

/** The CA of a record that has its key. */
function ownOf({ active: { chain, key } }: CaRecord): SigningCa {
  if (key === undefined) {
    const root = sha256Of(fromBase64(chain.at(-1)!)).slice(0, 16)
    throw config(
      `the state directory belongs to a CA that was brought along (root ${root}…), and none was given now`,
      'Start with --ca-cert and --ca-key (caCert, caKey) again; its key is not kept.',
    )
  }
  return { key: readKey(key).privateKey, chain: chain.map(fromBase64) }
}

/** Known before the first leaf of this length is signed. */
function withTtl(record: CaRecord, ttlMs: number): CaRecord {
  if (ttlMs <= record.active.longestTtlMs) return record
  return { ...record, active: { ...record.active, longestTtlMs: ttlMs } }
}

function config(message: string, hint: string): MeshError {
  return new MeshError('TULLE_CONFIG', `The CA cannot be opened: ${message}.`, { layer: 'plane', hint })
}
