import { request } from 'undici'
import { consulOf, curtain, type Scene, type Stage } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

export const forbidden: Scene = {
  name: 'forbidden',
  headline: 'An intention forbids a call and allows it again; no restarts',
  async play(stage) {
    const { process: consul } = consulOf(stage)
    await pause(300)
    const allow = await consul.intention('orders', 'stock', 'deny')
    try {
      stage.say('intention orders → stock: deny; the next call of orders to stock is refused (TULLE_DENIED)')
      const { figures: seen } = stage.traffic
      const denied = (): number => seen.without.get('HTTP 403') ?? 0
      const deniedMs = await until('calls denied by the intention', 5000, () => denied() > 3)
      await allow()
      stage.say('the intention is gone again')
      let answered = seen.user.ok
      let without = total(seen.without)
      const allowedMs = await until('answers with numbers from stock', 8000, async () => {
        await pause(200)
        const quiet = total(seen.without) === without && seen.user.ok > answered
        answered = seen.user.ok
        without = total(seen.without)
        return quiet
      })
      const figures = await curtain(stage)
      check(
        figures.user.failed === 0,
        `${figures.user.failed} requests failed: ${figures.problems.join('; ')}`,
      )
      check((await itemOf(stage)) === 200, 'an item is not to be had any more')
      return `denied ${milliseconds(deniedMs)} after it was said, allowed again after ${milliseconds(allowedMs)}; the rest of each answer came`
    } finally {
      // Of a scene that broke; where it did not, the intention is gone already.
      await allow().catch(() => {})
    }
  },
}

const total = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((sum, count) => sum + count, 0)

async function itemOf({ cluster }: Stage): Promise<number> {
  const { statusCode, body } = await request(`${cluster.url}/items/after-all`)
  await body.dump()
  return statusCode
}
