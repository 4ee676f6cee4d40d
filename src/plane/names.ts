import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../core/errors.ts'
import type { Store } from './store.ts'

const KEY = 'plane/names'
const names = z.object({ trustDomain: z.string(), dc: z.string() })

/** What every SPIFFE ID of a plane begins with. */
export type Names = z.infer<typeof names>

/**
 * The names of the first start, which every later one must keep: identities that are out there carry them. Without a
 * trust domain a new one is made up, so that two environments never have the same by accident.
 * @throws MeshError TULLE_CONFIG where other names are asked for, TULLE_STATE where they cannot be read or written
 */
export async function settledNames(
  store: Store,
  asked: { readonly trustDomain?: string | undefined; readonly dc?: string | undefined },
): Promise<Names> {
  const bytes = await store.read(KEY)
  if (bytes === undefined) {
    const trustDomain = asked.trustDomain ?? `${randomBytes(4).toString('hex')}.tulle`
    const first = { trustDomain, dc: asked.dc ?? 'dc1' }
    await store.write(KEY, new TextEncoder().encode(JSON.stringify(first)))
    return first
  }
  const kept = read(bytes, store.place)
  for (const [option, was, now] of [
    ['trust domain', kept.trustDomain, asked.trustDomain],
    ['data centre', kept.dc, asked.dc],
  ] as const) {
    if (now === undefined || now === was) continue
    throw new MeshError(
      'TULLE_CONFIG',
      `the ${option} of the state in ${store.place} is ${was}, not ${now}`,
      {
        layer: 'plane',
        hint: 'It is part of every identity and stays; another one is another plane, with a directory of its own.',
      },
    )
  }
  return kept
}

function read(bytes: Uint8Array, place: string): Names {
  try {
    return names.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new MeshError('TULLE_STATE', `${KEY} in ${place} is unreadable`, { layer: 'plane', cause })
  }
}
