import { curtain, nobodyNoticed, type Scene } from '../stage.ts'
import { milliseconds } from '../ui/units.ts'
import { check, pause, until } from '../wait.ts'

const QUIET_MS = 500

export const outage: Scene = {
  name: 'outage',
  headline: 'All of stock is gone: its breaker opens, and closes again later',
  async play(stage) {
    const stock = stage.cluster.of('stock')
    await pause(500)
    stage.say('both stock instances killed; orders answers without their numbers')
    await Promise.all(stock.map((instance) => instance.stop('SIGKILL')))
    const { figures: seen } = stage.traffic
    const refused = (): number => seen.without.get('TULLE_CIRCUIT_OPEN') ?? 0
    const openMs = await until('calls refused by the open breaker', 4000, () => refused() > 20)
    stage.say('the breaker is open: no call waits for stock any more (TULLE_CIRCUIT_OPEN)')
    await pause(1500)
    stage.say('stock comes back; one probe, then 1, 2, 4 … calls every 100 ms')
    await Promise.all(stock.map((instance) => instance.start()))
    const closedMs = await until(
      'answers with numbers from stock alone',
      8000,
      quietFor(seen.without, QUIET_MS),
    )
    const figures = await curtain(stage)
    nobodyNoticed(figures)
    const others = [...figures.without].filter(([code]) => code !== 'TULLE_CIRCUIT_OPEN')
    const met = others.reduce((sum, [, count]) => sum + count, 0)
    check(met < refused(), `${met} calls ran into the outage, only ${refused()} were spared it`)
    return (
      `open ${milliseconds(openMs)} after the outage: ${refused()} calls failed fast with TULLE_CIRCUIT_OPEN, ` +
      `${met} met it; closed ${milliseconds(Math.max(0, closedMs - QUIET_MS))} after the return`
    )
  },
}

/** A condition that turns true once no answer did without stock for so long. */
function quietFor(without: ReadonlyMap<string, number>, ms: number): () => boolean {
  let known = -1
  let sinceMs = 0
  return () => {
    const total = [...without.values()].reduce((sum, count) => sum + count, 0)
    if (total !== known) sinceMs = performance.now()
    known = total
    return performance.now() - sinceMs >= ms
  }
}
