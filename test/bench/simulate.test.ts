import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCENARIOS, scenarioNamed } from '../../bench/simulate/scenarios.ts'
import { SharedSlots } from '../../bench/simulate/servers.ts'
import { simulationReport } from '../../bench/simulate/table.ts'
import { balancers } from '../../src/balance/index.ts'
import { EventClock } from '../kit/event-clock.ts'
import { seeded } from '../kit/random.ts'

test('a scenario is the same every time, and another with another seed', () => {
  for (const name of ['S3', 'S6', 'S7']) {
    const { run } = scenarioNamed(name)
    assert.deepEqual(run('peak-ewma', 1), run('peak-ewma', 1))
    assert.notDeepEqual(run('peak-ewma', 1), run('peak-ewma', 2))
  }
})

test('every scenario gives the figures it names', () => {
  for (const { name, run, figures } of SCENARIOS.filter(({ name }) => name !== 'S2')) {
    const found = run('random', 1)
    assert.equal(found.length, figures.length, name)
    assert.ok(found.every(Number.isFinite), `${name}: ${found}`)
  }
})

const steady = () => ({ factor: 1, forMs: 1e9 })

test('requests have a slot each while there are enough, and share them beyond', () => {
  const clock = new EventClock()
  const server = new SharedSlots(2, () => 100, steady)
  const ends: number[] = []
  for (let n = 0; n < 4; n++) server.serve(clock, seeded(1), () => ends.push(clock.now()))
  clock.runUntil(1000)
  assert.deepEqual(ends, [200, 200, 200, 200])
  server.serve(clock, seeded(1), () => ends.push(clock.now()))
  clock.runUntil(2000)
  assert.equal(ends.at(-1), 1100)
})

test('who comes later makes who is there slower from then on, and who gives up makes room', () => {
  const clock = new EventClock()
  const server = new SharedSlots(1, () => 100, steady)
  const ends: [string, number][] = []
  server.serve(clock, seeded(1), () => ends.push(['first', clock.now()]))
  clock.runUntil(50)
  const giveUp = server.serve(clock, seeded(1), () => ends.push(['second', clock.now()]))
  clock.runUntil(90)
  giveUp()
  clock.runUntil(1000)
  assert.deepEqual(ends, [['first', 120]])
})

test('a server of half the speed takes twice as long', () => {
  const clock = new EventClock()
  const server = new SharedSlots(
    8,
    () => 100,
    () => ({ factor: 0.5, forMs: 1e9 }),
  )
  let endedMs = 0
  server.serve(clock, seeded(1), () => {
    endedMs = clock.now()
  })
  clock.runUntil(1000)
  assert.equal(endedMs, 200)
})

test('all balancers and all scenarios stand in one table', () => {
  const text = simulationReport([{ scenario: 'S1', balance: 'peak-ewma', figures: [99.944] }])
  for (const { name } of balancers) assert.ok(text.split('\n')[0]?.includes(name))
  assert.match(text, /^S1 +< 1 s, % +99\.94$/m)
  for (const { name } of SCENARIOS) assert.match(text, new RegExp(`^${name}: `, 'm'))
})
