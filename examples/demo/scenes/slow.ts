import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds, percent } from '../ui/units.ts'
import { check, pause } from '../wait.ts'

const DELAY_MS = 600
const FAIR_SHARE = 1 / 3

export const slow: Scene = {
  name: 'slow',
  headline: 'One orders instance becomes slow; calls turn to the others',
  async play(stage) {
    const victim = stage.cluster.named('orders-3')
    await pause(500)
    stage.say(`${victim.name} takes ${DELAY_MS} ms longer for everything, but answers`)
    await victim.behave({ delayMs: DELAY_MS })
    // The first slow answers are on their way; what follows is what the balancer makes of them.
    await pause(DELAY_MS)
    const { figures: seen } = stage.traffic
    const before = { all: seen.user.ok, slow: seen.servedBy.get(victim.name) ?? 0 }
    await pause(2000)
    const share = ((seen.servedBy.get(victim.name) ?? 0) - before.slow) / (seen.user.ok - before.all)
    await victim.behave({})
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    check(share < FAIR_SHARE / 2, `the slow instance still answered ${percent(share)} of the calls`)
    return `the slow one got ${percent(share)} of the calls instead of a third; nine in ten were done in ${milliseconds(figures.percentile(90))}`
  },
}
