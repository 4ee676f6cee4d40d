import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Pulse, PulseMeter } from '../../src/discovery/consul-pulse.ts'

function meter(health?: () => Pulse) {
  const own = { delayMs: 0 }
  const logged: string[] = []
  const quiet = (): void => {}
  const pulse = new PulseMeter({
    health,
    loopDelay: () => own.delayMs,
    log: {
      debug: quiet,
      error: quiet,
      info: (line) => void logged.push(`info ${line}`),
      warn: (line) => void logged.push(`warn ${line}`),
    },
  })
  const taken = (...delays: readonly number[]): Pulse['status'][] =>
    delays.map((delayMs) => {
      own.delayMs = delayMs
      return pulse.take().status
    })
  return { pulse, taken, logged }
}

test('an event loop that stalls once is passing; twice in a row it warns, until it was calm three times', () => {
  const { taken, logged } = meter()
  assert.deepEqual(taken(251, 0, 251, 250), ['passing', 'passing', 'passing', 'passing'])
  assert.deepEqual(taken(300, 300), ['passing', 'warning'])
  assert.deepEqual(taken(0, 0, 300, 0, 0, 0), [...Array(5).fill('warning'), 'passing'])
  assert.deepEqual(
    logged.map((line) => line.slice(0, 26)),
    ['warn tells Consul: warning', 'info tells Consul: passing'],
  )
})

test('what the process says of itself is worse than a stall, and is told with its words', () => {
  let health: Pulse = { status: 'critical', output: 'draining' }
  const { pulse, taken } = meter(() => health)
  assert.deepEqual(taken(300, 300), ['critical', 'critical'])
  assert.equal(pulse.current.output, 'draining')
  health = { status: 'passing', output: 'ready' }
  assert.equal(pulse.current.status, 'warning')
})

test('a look without taking one changes nothing', () => {
  const { pulse, taken } = meter()
  assert.deepEqual(taken(300), ['passing'])
  for (let n = 0; n < 5; n++) assert.equal(pulse.current.status, 'passing')
  assert.deepEqual(taken(300), ['warning'])
})
