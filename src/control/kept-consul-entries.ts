import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import { ENTRY_KINDS, type EntryKind } from '../policy/consul/entry.ts'
import { readKeptJson } from './kept-json.ts'

const FILE = 'consul-entries.json'

const keptWire = z.object({
  savedMs: z.number(),
  entries: z.record(z.string(), z.array(z.looseObject({ Name: z.string() }))),
})

/** As the agent answered it. */
export type RawEntry = Readonly<Record<string, unknown>> & { readonly Name: string }

/** The last good entries of an earlier run; a kind that is not there was never answered. */
export interface KeptConsulEntries {
  /** Wall-clock milliseconds: when the agent last brought something. */
  readonly savedMs: number
  readonly entries: ReadonlyMap<EntryKind, readonly RawEntry[]>
}

/** Undefined: there are none. Rejects where there are some that must not be believed. */
export async function readKeptConsulEntries(store: StateStore): Promise<KeptConsulEntries | undefined> {
  const kept = await readKeptJson(store, FILE, keptWire)
  if (kept === undefined) return undefined
  const { savedMs, entries } = kept
  const known = ENTRY_KINDS.filter((kind) => Object.hasOwn(entries, kind))
  return { savedMs, entries: new Map(known.map((kind) => [kind, entries[kind] as readonly RawEntry[]])) }
}

export async function keepConsulEntries(store: StateStore, kept: KeptConsulEntries): Promise<void> {
  const text = JSON.stringify({ savedMs: kept.savedMs, entries: Object.fromEntries(kept.entries) })
  await store.write(FILE, new TextEncoder().encode(text))
}
