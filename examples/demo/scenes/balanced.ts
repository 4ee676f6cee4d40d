import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { percent } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const balanced: Scene = {
  name: 'balanced',
  headline: 'Calls are balanced over three instances of orders',
  async play(stage) {
    stage.say('peak-EWMA over two random choices: the default, nothing is configured')
    await pause(2500)
    // Shares of few calls are chance.
    await until('enough answers', 10_000, () => stage.traffic.figures.user.ok >= 250)
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const shares = stage.cluster.of('orders').map(({ name }) => figures.share(name))
    for (const share of shares) check(share > 0.15, `an instance got only ${percent(share)} of the calls`)
    return `three instances answered ${shares.map(percent).join(', ')}`
  },
}
