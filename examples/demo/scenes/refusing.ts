import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const refusing: Scene = {
  name: 'refusing',
  headline: 'One orders instance answers 503; it is ejected, then readmitted',
  async play(stage) {
    const victim = stage.cluster.named('orders-1')
    await pause(500)
    stage.say(`${victim.name} answers 503 at once: the fastest answers of all`)
    await victim.behave({ status: 503 })
    await pause(2500)
    stage.say('it is well again; a probe finds out, backing off 1 s, 2 s …')
    await victim.behave({})
    const { figures: seen } = stage.traffic
    const before = seen.servedBy.get(victim.name) ?? 0
    const backMs = await until('calls for the instance that is well again', 7000, () => {
      return (seen.servedBy.get(victim.name) ?? 0) > before + 5
    })
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    // Ejection, not retries, keeps the plain POSTs from it: nothing repeats those. Two probes may still be POSTs.
    const { failed } = figures.plain
    check(failed <= 8, `${failed} plain POSTs ran into the refusing instance: was it not ejected?`)
    return `ejected after 5 refusals, all repeated elsewhere; readmitted after ${milliseconds(backMs)}`
  },
}
