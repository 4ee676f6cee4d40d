import { z } from 'zod'
import type { StateStore } from '../core/plane.ts'
import { type PolicyWire, policyWire } from '../core/plane-wire.ts'

const FILE = 'policy.json'

const keptWire = policyWire.safeExtend({ savedMs: z.number() })

/** The policy of an earlier run. */
export interface KeptPolicy {
  readonly policy: PolicyWire
  /** Wall-clock milliseconds: when it came from the plane. */
  readonly savedMs: number
}

/** Undefined: there is none. Rejects where there is one that must not be believed. */
export async function readKeptPolicy(store: StateStore): Promise<KeptPolicy | undefined> {
  const bytes = await store.read(FILE)
  if (bytes === undefined) return undefined
  const { savedMs, ...policy } = keptWire.parse(JSON.parse(new TextDecoder().decode(bytes)))
  return { policy, savedMs }
}

export async function keepPolicy(store: StateStore, { policy, savedMs }: KeptPolicy): Promise<void> {
  const { sequence, documents } = policy
  await store.write(FILE, new TextEncoder().encode(JSON.stringify({ savedMs, sequence, documents })))
}
