import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PlaneProcess } from './plane-process.ts'
import type { Policy } from './policy.ts'
import { PolicyFolder } from './policy-folder.ts'
import { PushedPolicy } from './pushed-policy.ts'
import type { Seat } from './seats.ts'

/** Where the eight processes get policy, addresses and certificates from. */
export interface Backstage {
  readonly policy: Policy
  /** Undefined: everything is static. */
  readonly plane: PlaneProcess | undefined
  /** What a process needs to be part of the mesh: its environment, and nothing else. */
  env(seat: Seat, seats: readonly Seat[]): NodeJS.ProcessEnv
}

/** No plane: addresses in the environment, policy in a folder, plaintext. */
export function staticBackstage(folder: string): Backstage {
  const policy = new PolicyFolder(folder)
  return {
    policy,
    plane: undefined,
    env: (_seat, seats) => ({
      TULLE_ENDPOINTS: (['orders', 'stock', 'pricing'] as const)
        .map((service) => `${service}=${addresses(seats.filter((seat) => seat.service === service))}`)
        .join(' '),
      TULLE_POLICY: policy.path,
    }),
  }
}

/** A plane that runs and has the policy; every service gets its join token, and a folder for what it must not forget. */
export async function planeBackstage(plane: PlaneProcess, folder: string): Promise<Backstage> {
  await plane.start()
  const policy = new PushedPolicy(plane, folder)
  await policy.publish()
  const tokens = {
    web: await plane.token('web'),
    orders: await plane.token('orders'),
    stock: await plane.token('stock'),
    pricing: await plane.token('pricing'),
  }
  return {
    policy,
    plane,
    env: ({ name, service }) => {
      const state = join(folder, 'state', name)
      mkdirSync(state, { recursive: true, mode: 0o700 })
      return {
        TULLE_JOIN_TOKEN: tokens[service],
        TULLE_STATE_DIR: state,
        // Long enough for the plane to tell the callers.
        TULLE_DRAIN_DELAY: '500ms',
      }
    },
  }
}

function addresses(seats: readonly Seat[]): string {
  return seats.map(({ port }) => `127.0.0.1:${port}`).join(',')
}
