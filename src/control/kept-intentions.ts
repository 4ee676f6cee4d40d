import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import type { IntentionDefault } from './consul-default.ts'
import { notUsed, readKeptJson } from './kept-json.ts'

const FILE = 'consul-intentions.json'

const keptWire = z.object({
  savedMs: z.number(),
  service: z.string(),
  fallback: z.object({ allow: z.boolean(), why: z.string() }),
  intentions: z.array(z.unknown()),
})

/** What was in force in an earlier run. */
export interface KeptIntentions {
  /** Wall-clock milliseconds. */
  readonly savedMs: number
  readonly service: string
  readonly fallback: IntentionDefault
  /** As the agent said them. */
  readonly intentions: readonly unknown[]
}

/** Undefined: there are none. Rejects where there are some that must not be believed, as those of another service. */
export async function readKeptIntentions(
  store: StateStore,
  service: string,
): Promise<KeptIntentions | undefined> {
  const kept = await readKeptJson(store, FILE, keptWire)
  if (kept !== undefined && kept.service !== service)
    throw notUsed(store, FILE, `belongs to the service "${kept.service}", and this is "${service}"`)
  return kept
}

export async function keepIntentions(store: StateStore, kept: KeptIntentions): Promise<void> {
  await store.write(FILE, new TextEncoder().encode(JSON.stringify(kept)))
}
