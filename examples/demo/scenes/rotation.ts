import { curtain, nobodyNoticed, planeOf, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

const ROTATED = new WeakMap<object, number>()

export const rotation: Scene = {
  name: 'rotation',
  headline: 'Certificates are renewed under load, and the CA is replaced',
  async overture(stage) {
    const { process: plane } = planeOf(stage)
    await plane.rotate()
    ROTATED.set(stage, performance.now())
    stage.say(
      'the CA is replaced: a new root signs from now on, and the old one is trusted until nothing of it lives',
    )
  },
  async play(stage) {
    const { process: plane, certificates } = planeOf(stage)
    const { lifetimeMs } = plane
    check(certificates.roots === 2, `${certificates.roots} roots are trusted instead of two`)
    stage.say(
      `every certificate lives ${milliseconds(lifetimeMs)}; ${certificates.renewals} were renewed so far`,
    )
    await until('new certificates for everybody', lifetimeMs * 1.5, () => certificates.fewestRenewals > 0)
    let still: string | undefined
    await until('the end of the old root', lifetimeMs * 1.5, async () => {
      still = await plane.retire()
      if (still !== undefined) await pause(500)
      return still === undefined
    })
    const tookMs = performance.now() - (ROTATED.get(stage) ?? 0)
    stage.say('the old root is retired: what it signed is refused from now on')
    await until('everybody to trust the new root alone', 5000, () => certificates.roots === 1)
    const { renewals } = certificates
    await until('a renewal under the new root', lifetimeMs, () => certificates.renewals > renewals)
    await pause(500)
    nobodyNoticed(await curtain(stage))
    return (
      `${certificates.renewals} renewals, ${certificates.fewestRenewals} or more in each process; the root replaced ` +
      `within ${milliseconds(tookMs)}; no call failed`
    )
  },
}
