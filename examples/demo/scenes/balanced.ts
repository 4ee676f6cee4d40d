import type { Figures } from '../figures.ts'
import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { percent } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

/** Of a third. */
const LEAST = 0.15

export const balanced: Scene = {
  name: 'balanced',
  headline: 'Calls are balanced over three instances of orders',
  async play(stage) {
    stage.say('peak-EWMA over two random choices: the default, nothing is configured')
    await pause(2500)
    // Shares of few calls are chance.
    await until('enough answers', 10_000, () => stage.traffic.figures.user.ok >= 250)
    const shared = (figures: Figures): number[] =>
      stage.cluster.of('orders').map(({ name }) => figures.share(name))
    // One that a busy machine is slow to warm up is called less at first, as it should be; its share comes with time.
    await until('a share for each', 15_000, () => Math.min(...shared(stage.traffic.figures)) > LEAST).catch(
      () => {},
    )
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const shares = shared(figures)
    for (const share of shares) check(share > LEAST, `an instance got only ${percent(share)} of the calls`)
    return `three instances answered ${shares.map(percent).join(', ')}`
  },
}
