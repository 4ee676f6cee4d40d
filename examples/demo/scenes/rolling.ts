import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause } from '../wait.ts'

export const rolling: Scene = {
  name: 'rolling',
  headline: 'A rolling restart of orders ×3 and pricing ×2 (gRPC), by SIGTERM',
  async play(stage) {
    const exits: number[] = []
    for (const instance of [...stage.cluster.of('orders'), ...stage.cluster.of('pricing')]) {
      const started = performance.now()
      stage.say(`SIGTERM to ${instance.name}: it announces the end, finishes its calls and goes`)
      const code = await instance.stop('SIGTERM')
      exits.push(performance.now() - started)
      check(
        code === 0,
        `${instance.name} ended with ${code === -1 ? 'a signal' : `code ${code}`} instead of 0`,
      )
      stage.say(`${instance.name} went with code 0; its successor starts`)
      await instance.start()
      await pause(500)
    }
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const { failed } = figures.plain
    const posts = failed === 0 ? 'nobody noticed' : `plain POSTs refused or cut off: ${failed}`
    return `five restarts in a row, ${posts}; each drained in ${milliseconds(Math.max(...exits))} or less`
  },
}
