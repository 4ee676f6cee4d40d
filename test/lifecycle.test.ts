import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SILENT } from '../src/core/events.ts'
import type { Part } from '../src/core/ports.ts'
import { Lifecycle } from '../src/lifecycle.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'

const world = (behaviour: Record<string, (signal: AbortSignal) => Promise<void>> = {}) => {
  const clock = new ManualClock()
  const log: string[] = []
  const states: string[] = []
  const part = (name: string): Part => ({
    name,
    async start(signal) {
      log.push(`start ${name}`)
      await behaviour[name]?.(signal)
    },
    async close() {
      log.push(`close ${name}`)
    },
  })
  const events = {
    ...SILENT,
    emit: (_: string, payload: object) => states.push((payload as { to: string }).to),
  }
  const life = new Lifecycle([part('policy'), part('discovery')], 10_000, clock, events as typeof SILENT)
  return { clock, log, states, life }
}

test('parts start in order and close in reverse; both may be asked for twice', async () => {
  const { life, log, states, clock } = world()
  await Promise.all([life.start(), life.start()])
  assert.equal(life.state, 'ready')
  await Promise.all([life.close(), life.close()])
  assert.deepEqual(log, ['start policy', 'start discovery', 'close discovery', 'close policy'])
  assert.deepEqual(states, ['starting', 'ready', 'closed'])
  assert.equal(clock.armed, 0)
})

test('a part that fails is named, what ran is closed, and start may be tried again', async () => {
  let broken = true
  const { life, log } = world({
    discovery: async () => {
      if (broken) throw new Error('no route to host')
    },
  })
  await assert.rejects(life.start(), {
    code: 'TULLE_START',
    message: 'discovery could not start: no route to host',
  })
  assert.deepEqual(log, ['start policy', 'start discovery', 'close discovery', 'close policy'])
  assert.equal(life.state, 'idle')
  broken = false
  await life.start()
  assert.equal(life.state, 'ready')
})

test('a part that hangs is given up on after its time', async () => {
  const { life, clock } = world({ policy: () => new Promise(() => {}) })
  const started = life.start()
  clock.advance(10_000)
  await assert.rejects(started, { code: 'TULLE_START', message: 'policy did not start within 10000 ms' })
})

test('whoever waits for a start that nobody will make is told when it closes', async () => {
  const { life } = world()
  const waiting = life.whenStarted()
  await life.close()
  await assert.rejects(waiting, { code: 'TULLE_CLOSED' })
})

test('after close nothing starts', async () => {
  const { life, log } = world()
  await life.close()
  await assert.rejects(life.start(), { code: 'TULLE_CLOSED' })
  assert.deepEqual(log, [])
})

test('after a drain nothing starts: whoever drained would not be drained again', async () => {
  const { life, log } = world()
  life.draining()
  await assert.rejects(life.start(), { code: 'TULLE_CLOSED' })
  await assert.rejects(life.whenStarted(), { code: 'TULLE_CLOSED' })
  assert.deepEqual(log, [])
  await life.close()
})

test('a drain of what has started leaves it started', async () => {
  const { life } = world()
  await life.start()
  life.draining()
  await Promise.all([life.start(), life.whenStarted()])
  assert.equal(life.state, 'draining')
})

test('closing in the middle of a start waits for it and leaves nothing running', async () => {
  let release = (): void => {}
  const { life, log } = world({ policy: () => new Promise((resolve) => (release = resolve)) })
  const started = life.start()
  const closed = life.close()
  release()
  await assert.rejects(started, { code: 'TULLE_CLOSED' })
  await closed
  assert.deepEqual(log, ['start policy', 'close policy'])
  assert.equal(life.state, 'closed')
})

test('closing breaks a start off that waits for somebody who does not answer, and says why', async () => {
  const hanging = (signal: AbortSignal) =>
    new Promise<void>((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('nothing has come'))),
    )
  const { life, log, clock } = world({ policy: hanging })
  const started = life.start()
  const closed = life.close()
  await assert.rejects(started, { code: 'TULLE_CLOSED' })
  await closed
  assert.deepEqual(log, ['start policy', 'close policy'])
  assert.equal(clock.armed, 0)
})
