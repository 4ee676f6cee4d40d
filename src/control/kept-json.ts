import type { z } from 'zod'
import { MeshError } from '../core/errors.ts'
import type { StateStore } from '../core/plane.ts'

/**
 * What an earlier run kept in a file of JSON. Undefined: there is none.
 * Rejects with TULLE_STATE, naming the file, where it must not be believed; nothing of its content is repeated.
 */
export async function readKeptJson<T>(
  store: StateStore,
  file: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const bytes = await store.read(file)
  if (bytes === undefined) return undefined
  const { data, error } = schema.safeParse(parsed(bytes))
  if (error === undefined) return data
  const { path, message } = error.issues[0] as z.core.$ZodIssue
  const at = path.length === 0 ? '' : `${path.join('.')}: `
  throw notUsed(store, file, `is damaged (${at}${message})`)
}

/** A file that is there and of no use; the remedy is the same whatever is wrong with it. */
export function notUsed(store: StateStore, file: string, why: string): MeshError {
  return new MeshError('TULLE_STATE', `${file} in ${store.place} ${why}`, {
    layer: 'state',
    hint: 'Remove the file; it is written anew when the Consul agent answers.',
  })
}

/** For the end of a start that had nothing else to go on with. */
export function keptWords(problem: string | undefined): string {
  return problem === undefined
    ? 'nothing is kept from an earlier run'
    : `what is kept is not used: ${problem}`
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
