import { hostname, userInfo } from 'node:os'
import { HttpConsulLink } from '../control/consul-link.ts'
import { HttpsPlaneLink } from '../control/plane-link.ts'
import { verifyPlane } from '../identity/verify-plane.ts'
import { systemClock, systemWall } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { silent } from './silent.ts'
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
      verifyPlane: (chain, domain) => verifyPlane(chain, domain, systemWall()),
      clock: systemClock,
      wall: systemWall,
      random: systemRandom,
      log: silent,
    })
  },
  openConsul: (agent) =>
    new HttpConsulLink({ ...agent, clock: systemClock, random: systemRandom, log: silent }),
  async startPlane(settings) {
    // What runs a web server is loaded by the one command that needs it.
    const { startPlane } = await import('../plane.ts')
    return startPlane(settings)
  },
  async startConsulPlane(settings) {
    const { startConsulPlane } = await import('../plane.ts')
    return startConsulPlane(settings)
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
