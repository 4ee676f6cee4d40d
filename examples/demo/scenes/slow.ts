import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds, percent } from '../ui/units.ts'
import { check, pause } from '../wait.ts'

const DELAY_MS = 300

export const slow: Scene = {
  name: 'slow',
  headline: 'One orders instance becomes slow; calls turn to the others',
  async play(stage) {
    const victim = stage.cluster.named('orders-3')
    await pause(500)
    stage.say(`${victim.name} takes ${DELAY_MS} ms longer for everything, but answers`)
    await victim.behave({ delayMs: DELAY_MS })
    await pause(3000)
    await victim.behave({})
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const share = figures.share(victim.name)
    check(share < 0.15, `the slow instance still answered ${percent(share)} of the calls`)
    const p90 = figures.percentile(90)
    check(p90 < DELAY_MS, `a tenth of the calls took ${milliseconds(p90)} or more`)
    return `the slow one got ${percent(share)} of the calls; nine in ten were done in ${milliseconds(p90)}`
  },
}
