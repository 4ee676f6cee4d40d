import { z } from 'zod'
import type { ConsulRefusal } from '../core/consul.ts'
import { MeshError } from '../core/errors.ts'
import type { RawEntry } from './kept-consul-entries.ts'

const MAX_ENTRIES = 20_000
const listing = z.array(z.looseObject({ Name: z.string().min(1).max(256) })).max(MAX_ENTRIES)

/** Where the agent has the config entries of a kind; one by its name below that. */
export function entriesPath(kind: string): string {
  return `/v1/config/${kind}`
}

/** Not yet read. Throws TULLE_CONSUL for what is no list of config entries. */
export function listedEntries(kind: string, body: unknown): readonly RawEntry[] {
  const { data } = listing.safeParse(body)
  if (data !== undefined) return data
  throw new MeshError('TULLE_CONSUL', `the agent answered no list of config entries for ${kind}`, {
    layer: 'consul',
  })
}

/** What an agent says to a kind that is younger than itself. */
export function isUnknownKind({ words }: ConsulRefusal): boolean {
  return /invalid config entry kind/i.test(words)
}
