import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Backstage } from '../backstage.ts'
import type { Consul } from './consul.ts'
import { KvPolicy } from './kv-policy.ts'

/** Consul that runs and has the policy; every process is told where its agent is, and gets a folder for what it must not forget. */
export async function consulBackstage(consul: Consul, folder: string): Promise<Backstage> {
  const policy = new KvPolicy(consul, folder)
  await policy.publish()
  return {
    policy,
    plane: undefined,
    env: ({ name }) => {
      const state = join(folder, 'state', name)
      mkdirSync(state, { recursive: true, mode: 0o700 })
      return {
        TULLE_DISCOVERY: 'consul',
        CONSUL_HTTP_ADDR: consul.agent.address,
        TULLE_POLICY: policy.place,
        TULLE_STATE_DIR: state,
        // Long enough for Consul to tell the callers.
        TULLE_DRAIN_DELAY: '1s',
      }
    },
  }
}
