import { z } from 'zod'
import { MeshError } from '../../core/errors.ts'
import type { Store } from '../store.ts'

const KEY = 'authority/ca'

const der = z.base64().min(1)

/**
 * All that the authority must not forget, written in one piece: a crash finds it before a step or after it, never
 * between. Certificates are DER in base64; times wall-clock milliseconds.
 */
const shape = z.looseObject({
  format: z.literal(1),
  trustDomain: z.string(),
  /** `spiffe_sequence`: grows with every change of the roots. */
  sequence: z.int().min(1),
  active: z.looseObject({
    chain: z.array(der).min(1),
    /** PKCS#8 in PEM; of a CA that was made here. One that is brought along brings its key at every start. */
    key: z.string().optional(),
    /** The longest that a leaf of this CA may have lived. */
    longestTtlMs: z.number().positive(),
  }),
  /** The root before, as long as leaves of it may live. */
  previous: z
    .looseObject({
      root: der,
      /** The active root, signed by this one; absent where its key was not ours to use. */
      cross: der.optional(),
      /** When the last of its leaves is over. */
      leavesUntilMs: z.number(),
    })
    .optional(),
  /** Intermediates that signed before and whose leaves may live, newest first; at most `MOST_FORMER`. */
  former: z.array(der).optional(),
})
export type CaRecord = z.infer<typeof shape>

const MOST_FORMER = 4

/** What `former` is once another chain signs. */
export function formerOf({ active, former = [] }: CaRecord): Pick<CaRecord, 'former'> {
  const all = [...active.chain.slice(0, -1), ...former]
  return all.length === 0 ? {} : { former: all.slice(0, MOST_FORMER) }
}

/** Undefined: there is none yet. Rejects with TULLE_STATE where it is unreadable: a new CA would be an outage. */
export async function readCaRecord(store: Store): Promise<CaRecord | undefined> {
  const bytes = await store.read(KEY)
  if (bytes === undefined) return undefined
  try {
    return shape.parse(JSON.parse(Buffer.from(bytes).toString()))
  } catch (cause) {
    throw new MeshError('TULLE_STATE', `The record of the CA (${KEY} in ${store.place}) is unreadable.`, {
      hint: 'Restore it from a backup. Without it every service needs a new join token and a new trust bundle.',
      cause,
    })
  }
}

export async function writeCaRecord(store: Store, record: CaRecord): Promise<void> {
  await store.write(KEY, Buffer.from(JSON.stringify(record)))
}
