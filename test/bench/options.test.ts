import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GROUPS } from '../../bench/groups.ts'
import { parseOptions } from '../../bench/options.ts'

test('without arguments everything runs', () => {
  const options = parseOptions([])
  assert.deepEqual(options.groups, GROUPS)
  assert.equal(options.concurrency, 16)
  assert.ok(options.pace.warmupMs >= 2500)
})

test('groups run in their own order, whatever order they are named in', () => {
  assert.deepEqual(parseOptions(['simulate', 'http', '--quick']).groups, ['http', 'simulate'])
})

test('a quick look is shorter in every respect', () => {
  const [full, quick] = [parseOptions([]).pace, parseOptions(['--quick']).pace]
  assert.ok(quick.warmupMs < full.warmupMs && quick.turns < full.turns && quick.openMs < full.openMs)
})

test('what is not known is refused in words', () => {
  assert.throws(() => parseOptions(['https']), /no such group: https; there are http, tls/)
  assert.throws(
    () => parseOptions(['--turns', 'two']),
    /--turns: expected a whole number from 1, found "two"/,
  )
  assert.throws(() => parseOptions(['--smoke']), /--smoke/)
})
