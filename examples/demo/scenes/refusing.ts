import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const refusing: Scene = {
  name: 'refusing',
  headline: 'One orders instance answers 503; calls turn away from it',
  async play(stage) {
    const victim = stage.cluster.named('orders-1')
    await pause(500)
    stage.say(`${victim.name} answers 503 at once: the fastest answers of all`)
    await victim.behave({ status: 503 })
    await pause(2500)
    const wasEjected = stage.sight.isEjected(victim)
    const refusals = (await victim.ask({ ask: 'refusals' })) as number
    const share = refusals / (2.5 * stage.traffic.perSecond)
    check(share < 0.1, `${refusals} calls were still sent to it`)
    stage.say('it is well again; one real call finds out')
    await victim.behave({})
    const { figures: seen } = stage.traffic
    const before = seen.servedBy.get(victim.name) ?? 0
    const backMs = await until('calls for the instance that is well again', 10_000, () => {
      return (seen.servedBy.get(victim.name) ?? 0) > before + 5
    })
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const fate = wasEjected ? 'ejected' : 'avoided'
    return `${fate} after ${refusals} refusal${refusals === 1 ? '' : 's'}, repeated elsewhere; in use again after ${milliseconds(backMs)}`
  },
}
