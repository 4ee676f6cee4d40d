import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LevelDraft, written } from '../../../src/policy/consul/level.ts'
import { type NotHonoured, Told } from '../../../src/policy/consul/not-honoured.ts'
import { policyPieces } from '../../../src/stack.ts'

function draft(of: 'service' | 'route' = 'service') {
  const all: NotHonoured[] = []
  const level = new LevelDraft(policyPieces, of)
  const told = new Told('service-resolver', 'orders', all)
  return { level, told, said: () => all.map(({ path, why }) => `${path}: ${why}`) }
}

test('what is said is as a document has it, with its entry and field', () => {
  const { level, told, said } = draft()
  level.say('timeout', '20s', told, 'RequestTimeout')
  level.say('connect', { timeout: '15s' }, told, 'ConnectTimeout')
  assert.deepEqual(level.done(), {
    level: { timeout: 20_000, connect: { timeout: 15_000 } },
    from: {
      timeout: 'consul service-resolver/orders RequestTimeout',
      connect: 'consul service-resolver/orders ConnectTimeout',
    },
  })
  assert.deepEqual(said(), [])
})

test('nothing said is no level', () => {
  const { level, told } = draft()
  level.say('timeout', undefined, told, 'RequestTimeout')
  assert.equal(level.done(), undefined)
})

test('what a document could not say is told, and is not in force', () => {
  const { level, told, said } = draft()
  level.say('timeout', 'soon', told, 'RequestTimeout')
  level.say('nothing', 1, told, 'Nothing')
  assert.equal(level.done(), undefined)
  assert.match(said()[0] ?? '', /^RequestTimeout: timeout: expected a duration/)
  assert.equal(said()[1], 'Nothing: nothing: not there')
})

test('a route may not say what is a service’s alone', () => {
  const { level, told, said } = draft('route')
  level.say('retry', { limit: 1, budget: { ratio: '10%' } }, told, 'NumRetries')
  assert.equal(level.done(), undefined)
  assert.match(said()[0] ?? '', /^NumRetries: retry: /)
})

test('times are written in whole milliseconds, none shorter than one', () => {
  assert.deepEqual([1500, 1.6, 0.2, undefined].map(written), ['1500ms', '2ms', '1ms', undefined])
})
