import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EmptyHold, type SecondLook } from '../../src/discovery/consul-hold.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'

function world(look: () => SecondLook | Error) {
  const clock = new ManualClock()
  const told: string[] = []
  let looks = 0
  const hold = new EmptyHold({
    clock,
    look: async () => {
      looks += 1
      const found = look()
      if (found instanceof Error) throw found
      return found
    },
    onConfirmed: () => told.push(`confirmed at ${clock.now() - 1_000_000}`),
    onBlind: () => told.push(`blind at ${clock.now() - 1_000_000}`),
  })
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left))
      await settled()
    }
  }
  return { hold, clock, told, pass, looks: () => looks }
}

test('three empty answers over 5 s are believed', async () => {
  const { hold, told, pass, clock, looks } = world(() => 'empty')
  hold.begin()
  hold.begin()
  await pass(4999)
  assert.deepEqual(told, [])
  await pass(1)
  assert.deepEqual(told, ['confirmed at 5000'])
  assert.equal(looks(), 2)
  assert.equal(hold.holding, false)
  assert.equal(clock.armed, 0)
})

test('instances end it at once, and the next empty answer begins anew', async () => {
  const { hold, told, pass, clock } = world(() => 'full')
  hold.begin()
  await pass(2500)
  assert.equal(hold.holding, false)
  assert.equal(clock.armed, 0)
  hold.begin()
  assert.equal(hold.holding, true)
  hold.end()
  await pass(60_000)
  assert.deepEqual(told, [])
})

test('a look that fails says nothing: it is repeated and not counted', async () => {
  let looks = 0
  const { hold, told, pass } = world(() => (++looks <= 10 ? new Error('no agent') : 'empty'))
  hold.begin()
  await pass(27_000)
  assert.deepEqual(told, [])
  await pass(5000)
  assert.deepEqual(told, ['confirmed at 30000'])
})

test('blindness is told once, looked at ever more rarely, and afterwards the count begins anew', async () => {
  let found: SecondLook = 'blind'
  const { hold, told, pass, looks } = world(() => found)
  hold.begin()
  await pass(600_000)
  assert.deepEqual(told, ['blind at 2500'])
  assert.ok(looks() < 25, `${looks()} looks in ten minutes`)
  const before = looks()
  found = 'empty'
  await pass(36_000)
  assert.match(told[1] ?? '', /^confirmed/)
  assert.equal(looks() - before, 3, 'three answers of their own')
  assert.equal(hold.holding, false)
})

test('a look that ends after the hold did changes nothing', async () => {
  const { hold, told, pass, clock } = world(() => 'empty')
  hold.begin()
  clock.advance(2500)
  hold.end()
  await pass(60_000)
  assert.deepEqual(told, [])
  assert.equal(clock.armed, 0)
})
