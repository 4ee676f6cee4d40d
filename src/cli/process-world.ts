import { hostname, userInfo } from 'node:os'
import { HttpsPlaneLink } from '../control/plane-link.ts'
import { MeshError } from '../core/errors.ts'
import { systemClock, systemWall } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { silent } from './silent.ts'
import { verifyPlane } from './verify-plane.ts'
import type { World } from './world.ts'

/** The world a command runs in outside of tests. */
export const processWorld: World = {
  env: process.env,
  get cwd() {
    return process.cwd()
  },
  wall: systemWall,
  get author() {
    return author()
  },
  async openLink({ urls, token, roots, trustDomain, identity }) {
    return new HttpsPlaneLink({
      urls,
      token,
      identity,
      roots: () => roots,
      trustDomain: () => trustDomain,
      verifyPlane: verifyPlane(systemWall),
      clock: systemClock,
      wall: systemWall,
      random: systemRandom,
      log: silent,
    })
  },
  async startPlane() {
    throw new MeshError('TULLE_START', 'this build has no plane', { layer: 'cli' })
  },
  stopped: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
    }),
}

/** `userInfo` throws for a user that has no entry in the system's list, as in many containers. */
function author(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return `${process.getuid?.() ?? 'somebody'}@${hostname()}`
  }
}
