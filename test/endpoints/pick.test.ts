import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pick } from '../../src/endpoints/pick.ts'
import { makeAttempt, makeCall } from '../kit/builders.ts'
import { Recorder } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'
import { makeTable } from '../kit/table.ts'

test('the attempt goes to the picked endpoint and says so', () => {
  const { table, leaves } = makeTable(1)
  const attempt = makeAttempt()
  const top = new Recorder().send(pick<undefined>(table), attempt)
  assert.equal(attempt.endpoint, table.endpoints[0])
  leaves[0]!.script.last.answer(ok())
  assert.equal(top.outcome?.class, 'success')
})

test('where there is nothing to pick the attempt is refused at once, and the error says why', () => {
  const { table } = makeTable(0)
  const refusedWith = (): string => {
    const top = new Recorder().send(pick<undefined>(table), makeAttempt())
    assert.equal(top.outcome?.class, 'ignored')
    assert.equal(top.outcome?.unsent, true)
    assert.equal(top.outcome?.error?.code, 'TULLE_NO_ENDPOINT')
    return top.outcome?.error?.message ?? ''
  }
  assert.match(refusedWith(), /no endpoint set has arrived yet/)
  table.apply({ endpoints: [] })
  assert.match(refusedWith(), /no endpoint is known/)
})

test('where the endpoints speak the other protocol alone, the error says so', () => {
  const { table } = makeTable(0)
  const refusedWith = (protocol: 'http' | 'grpc'): string | undefined =>
    new Recorder().send(pick<undefined>(table), makeAttempt({ call: makeCall({ protocol }) })).outcome?.error
      ?.message
  const at = { address: '127.0.0.1', port: 4001 }
  table.apply({ endpoints: [{ ...at, protocol: 'grpc' }] })
  assert.equal(
    refusedWith('http'),
    'orders: no endpoint speaks HTTP; its one endpoint is registered for gRPC',
  )
  table.apply({
    endpoints: [
      { ...at, protocol: 'http' },
      { ...at, port: 4002, protocol: 'http' },
    ],
  })
  assert.equal(
    refusedWith('grpc'),
    'orders: no endpoint speaks gRPC; its 2 endpoints are registered for HTTP',
  )
})
