import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import type { IntentionDefault } from './consul-default.ts'

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

/** Undefined: there are none of this service. Rejects where there are some that must not be believed. */
export async function readKeptIntentions(
  store: StateStore,
  service: string,
): Promise<KeptIntentions | undefined> {
  const bytes = await store.read(FILE)
  if (bytes === undefined) return undefined
  const kept = keptWire.parse(JSON.parse(new TextDecoder().decode(bytes)))
  return kept.service === service ? kept : undefined
}

export async function keepIntentions(store: StateStore, kept: KeptIntentions): Promise<void> {
  await store.write(FILE, new TextEncoder().encode(JSON.stringify(kept)))
}
