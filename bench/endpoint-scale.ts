/**
 * What 10,000 instances cost who follows them: `node dist/bench/endpoint-scale.js [--smoke] [--rounds 5]`. Every balancer
 * with even and uneven weights, in fresh processes: the first answer, updates, and back and forth; the longest stall of
 * the event loop from the bytes of the answer to the first pick.
 */
import { loadavg } from 'node:os'
import type { Stage } from './endpoint-arm.ts'
import { median, portOf, resultOf, rounds, shown, smoke, start } from './measure.ts'

const INSTANCES = 10_000
const BALANCERS = ['peak-ewma', 'least-request', 'round-robin', 'random']
const arms = (smoke ? BALANCERS.slice(0, 1) : BALANCERS).flatMap((balancer) =>
  ['even', 'uneven'].map((weights) => ({ balancer, weights })),
)
const stages = new Map<string, Stage[]>()

for (let round = 0; round < rounds; round += 1) {
  for (const { balancer, weights } of arms) {
    const crowd = start(1, 'endpoint-crowd.js', [weights, INSTANCES])
    const port = await portOf(crowd)
    const arm = start(0, 'endpoint-arm.js', [balancer, port, INSTANCES])
    arm.on('message', (next) => crowd.send(next as object))
    const found = (await resultOf(arm, `${balancer}, ${weights}`)) as Stage[]
    crowd.disconnect()
    for (const stage of found) {
      const name = `${balancer}, ${weights}: ${stage.what}`
      stages.set(name, [...(stages.get(name) ?? []), stage])
    }
    process.stderr.write(
      `round ${round + 1}/${rounds}  ${balancer}, ${weights}: ${shown(found.map(({ stallMs }) => stallMs))}\n`,
    )
  }
}

process.stdout.write(
  `\nnode ${process.versions.node}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')}, ${INSTANCES} instances\n`,
)
process.stdout.write(
  `${''.padEnd(38)}picked within  longest stall: median   max   of the longest, GC   windows\n`,
)
for (const [name, all] of stages) {
  const stalls = all.map(({ stallMs }) => stallMs)
  const longest = all.reduce((a, b) => (a.stallMs > b.stallMs ? a : b))
  const row = [
    median(all.map(({ untilPickedMs }) => untilPickedMs))
      .toFixed(0)
      .padStart(13),
    median(stalls).toFixed(1).padStart(23),
    Math.max(...stalls)
      .toFixed(1)
      .padStart(6),
    longest.gcMs.toFixed(1).padStart(21),
  ].join('')
  process.stdout.write(`${name.padEnd(38)}${row}   ${shown(stalls)}\n`)
}
