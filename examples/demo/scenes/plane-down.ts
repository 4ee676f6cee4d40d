import { healthOf, inTouch, inUse, keptByNow } from '../in-touch.ts'
import { curtain, nobodyNoticed, planeOf, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

/** Of its lifetime, what every certificate must have left when the plane goes: without a plane nobody renews it. */
const LEFT = 0.48

export const planeDown: Scene = {
  name: 'plane-down',
  headline: 'The plane is gone; an instance restarts without it; it is back',
  async play(stage) {
    const { process: plane, certificates } = planeOf(stage)
    const victim = stage.cluster.named('orders-2')
    const leftMs = plane.lifetimeMs * LEFT
    await until(
      'certificates that last for a while',
      plane.lifetimeMs,
      () => certificates.leastLeftMs > leftMs,
    )
    await keptByNow(stage, victim)
    stage.say(`kill -9 ${plane.pid}: no registry, no policy, no certificates are to be had`)
    const downMs = performance.now()
    await plane.stop('SIGKILL')
    await pause(600)
    stage.say(`kill -9 ${victim.pid}: ${victim.name} starts again with what it has on its disk`)
    await victim.stop('SIGKILL')
    await victim.start()
    const backMs = await inUse(stage, victim)
    const health = await healthOf(victim)
    check(health.identity?.from === 'disk', `its certificate is from ${health.identity?.from}`)
    check(health.plane?.policy?.source === 'kept', `its policy is from ${health.plane?.policy?.source}`)
    await plane.start()
    const goneMs = performance.now() - downMs
    stage.say(`the plane is back on its directory after ${milliseconds(goneMs)}`)
    const knownMs = await inTouch(stage, 10_000, ({ plane: told }) => [
      told?.registration?.problem,
      told?.policy?.problem,
      told?.endpoints?.problem,
    ])
    nobodyNoticed(await curtain(stage))
    return (
      `gone for ${milliseconds(goneMs)}, nobody noticed; ${victim.name} started without it, by what it had kept, and ` +
      `was called after ${milliseconds(backMs)}; all in touch again ${milliseconds(knownMs)} after its return`
    )
  },
}
