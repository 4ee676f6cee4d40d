import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import { contentVersion } from './document.ts'
import type { PolicyUpdate } from './feed.ts'
import { readKeptJson } from './kept-json.ts'
import type { Found } from './last-good.ts'

const FILE = 'consul-policy.json'

const keptWire = z.object({
  savedMs: z.number(),
  key: z.string(),
  documents: z.array(z.object({ name: z.string(), text: z.string() })),
})

/** The last good documents of an earlier run. */
export interface KeptConsulPolicy {
  /** Wall-clock milliseconds: when the agent last brought something. */
  readonly savedMs: number
  readonly key: string
  readonly documents: ReadonlyMap<string, Uint8Array>
}

/** Undefined: there is none of this key. Rejects where there is one that must not be believed. */
export async function readKeptConsulPolicy(
  store: StateStore,
  key: string,
): Promise<KeptConsulPolicy | undefined> {
  const kept = await readKeptJson(store, FILE, keptWire)
  if (kept?.key !== key) return undefined
  const texts = new TextEncoder()
  const documents = new Map(kept.documents.map(({ name, text }) => [name, texts.encode(text)]))
  return { savedMs: kept.savedMs, key, documents }
}

export async function keepConsulPolicy(store: StateStore, kept: KeptConsulPolicy): Promise<void> {
  const texts = new TextDecoder()
  const documents = [...kept.documents].map(([name, bytes]) => ({ name, text: texts.decode(bytes) }))
  const { savedMs, key } = kept
  await store.write(FILE, new TextEncoder().encode(JSON.stringify({ savedMs, key, documents })))
}

/** The texts of what is in force: of a document with a mistake that of its last good form. */
export function goodTexts(
  { documents }: PolicyUpdate,
  found: ReadonlyMap<string, Found>,
  before: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  const good = new Map<string, Uint8Array>()
  for (const { name, version } of documents) {
    const now = found.get(name)
    const taken = now !== undefined && !('unreadable' in now) && contentVersion(now) === version
    const text = taken ? now : before.get(name)
    if (text !== undefined) good.set(name, text)
  }
  return good
}
