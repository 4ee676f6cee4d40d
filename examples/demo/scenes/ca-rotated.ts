import { consulOf, curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

const ROTATED = new WeakMap<object, number>()
/** The agent spreads new certificates over half a minute after a rotation. */
const SPREAD_MS = 60_000

export const caRotated: Scene = {
  name: 'ca-rotated',
  headline: "Consul's CA is replaced under load",
  async overture(stage) {
    await consulOf(stage).process.rotate()
    ROTATED.set(stage, performance.now())
    stage.say(
      "Consul's CA has a new root, which the old one has signed too; new certificates come one by one",
    )
  },
  async play(stage) {
    const { certificates } = consulOf(stage)
    await until('everybody to trust both roots', SPREAD_MS, () => certificates.roots === 2)
    await until('a new certificate for everybody', SPREAD_MS, () => certificates.fewestRenewals > 0)
    const tookMs = performance.now() - (ROTATED.get(stage) ?? 0)
    await pause(500)
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    check(figures.user.ok > 0, 'nothing was called')
    return `${certificates.renewals} certificates under the new root within ${milliseconds(tookMs)}; no call failed`
  },
}
