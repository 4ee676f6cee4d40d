import type { Health } from 'tulle'
import type { Instance } from '../instance.ts'
import { curtain, nobodyNoticed, planeOf, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

/** What a certificate must still be good for: without a plane nobody renews it. */
const LEFT_MS = 9000

export const planeDown: Scene = {
  name: 'plane-down',
  headline: 'The plane is killed; an instance restarts without it; the plane returns',
  async play(stage) {
    const { process: plane, certificates } = planeOf(stage)
    const victim = stage.cluster.named('orders-2')
    await until('certificates that last for a while', 12_000, () => certificates.leastLeftMs > LEFT_MS)
    stage.say(`kill -9 ${plane.pid}: no registry, no policy, no certificates are to be had`)
    const downMs = performance.now()
    await plane.stop('SIGKILL')
    await pause(600)
    stage.say(`kill -9 ${victim.pid}: ${victim.name} starts again with what it has on its disk`)
    await victim.stop('SIGKILL')
    await victim.start()
    const { figures: seen } = stage.traffic
    const before = seen.servedBy.get(victim.name) ?? 0
    const backMs = await until('calls for the instance that started without a plane', 8000, () => {
      return (seen.servedBy.get(victim.name) ?? 0) > before + 5
    })
    const health = await healthOf(victim)
    check(health.identity?.from === 'disk', `its certificate is from ${health.identity?.from}`)
    check(health.plane?.policy?.source === 'kept', `its policy is from ${health.plane?.policy?.source}`)
    stage.say(health.degraded.find((line) => line.startsWith('policy')) ?? '')
    await plane.start()
    const goneMs = performance.now() - downMs
    stage.say('the plane is back on the same directory')
    const members = stage.cluster.instances.filter(({ service }) => service !== 'web')
    const knownMs = await until('everybody to be registered again', 8000, async () => {
      const healths = await Promise.all(members.map(healthOf))
      return healths.every(
        ({ plane }) => plane?.registration.problem === undefined && plane?.policy?.problem === undefined,
      )
    })
    nobodyNoticed(await curtain(stage))
    return (
      `gone for ${milliseconds(goneMs)}, nobody noticed; ${victim.name} started without it and was called after ` +
      `${milliseconds(backMs)}; all were in touch again after ${milliseconds(knownMs)}`
    )
  },
}

async function healthOf(instance: Instance): Promise<Health> {
  return (await instance.ask({ ask: 'health' })) as Health
}
