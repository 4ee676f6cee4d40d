import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { pause, until } from '../wait.ts'

export const killed: Scene = {
  name: 'killed',
  headline: 'One orders instance is killed with SIGKILL, and comes back',
  async play(stage) {
    const victim = stage.cluster.named('orders-2')
    await pause(600)
    // A little slower first, so that the kill finds calls that were executed and not yet answered.
    await victim.behave({ delayMs: 80 })
    await pause(250)
    stage.say(`kill -9 ${victim.pid}: connections break in the middle of calls`)
    await victim.stop('SIGKILL')
    await pause(1200)
    stage.say('started again on the same port; one real call finds out')
    await victim.start()
    const { figures: seen } = stage.traffic
    const before = seen.servedBy.get(victim.name) ?? 0
    const backMs = await until('calls for the instance that came back', 10_000, () => {
      return (seen.servedBy.get(victim.name) ?? 0) > before + 5
    })
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const lost = figures.plain.failed
    const posts =
      lost === 0 ? 'no plain POST was' : lost === 1 ? '1 plain POST was' : `${lost} plain POSTs were`
    return `nobody noticed; in use again after ${milliseconds(backMs)}; ${posts} cut off${lost === 0 ? '' : ', and not repeated'}`
  },
}
