import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type NotHonoured,
  notHonouredText,
  saysSomething,
  Told,
} from '../../../src/policy/consul/not-honoured.ts'

test('what Consul writes by itself says nothing', () => {
  for (const empty of [undefined, null, '', 0, false, [], {}, { a: [], b: { c: '', d: 0 } }, [null, {}]])
    assert.equal(saysSomething(empty), false, JSON.stringify(empty))
  for (const said of ['x', 1, true, [0, 1], { a: { b: 'x' } }])
    assert.equal(saysSomething(said), true, JSON.stringify(said))
})

test('every field that is not known and says something is told, with its entry', () => {
  const all: NotHonoured[] = []
  const told = new Told('service-router', 'orders', all)
  told.rest({ Known: 1, Empty: '', New: { On: true } }, new Set(['Known']), 'Routes[0].', 'not honoured')
  assert.deepEqual(all.map(notHonouredText), ['service-router/orders Routes[0].New: not honoured'])
  assert.equal(told.from('Routes[0]'), 'consul service-router/orders Routes[0]')
  assert.equal(told.from(''), 'consul service-router/orders')
})
