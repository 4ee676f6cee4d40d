import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { observe, quote } from '../kit/grpc/observe.ts'
import { until } from '../kit/wait.ts'

test('a call of every kind goes through the inbound stack once, and ends as a success', async (t) => {
  const { client, harness, service } = await inboundGrpc(t)
  const pricing = client()
  for (const method of ['quote', 'upload', 'watch', 'chat'] as const) {
    const seen = await observe(pricing, method, { asks: [{ id: method, count: 2 }] })
    assert.deepEqual([method, seen.status?.code, seen.error], [method, status.OK, undefined])
    assert.equal(service.ledger.times(method), 1)
  }
  await until(() => harness.inFlight() === 0, { what: 'the end of all' })
  assert.equal(harness.gate.inFlight, 0)
  assert.deepEqual(
    harness.seen.map(({ call, ends }) => [
      call.protocol,
      call.method,
      call.path,
      ends.length,
      ends[0]?.class,
      ends[0]?.code,
    ]),
    ['Quote', 'Upload', 'Watch', 'Chat'].map((name) => [
      'grpc',
      'POST',
      `/tulle.test.pricing.v1.Pricing/${name}`,
      1,
      'success',
      0,
    ]),
  )
})

test('codes of the handler are the verdict, and reach the caller as they are', async (t) => {
  const { client, harness, service } = await inboundGrpc(t)
  const pricing = client()
  const verdicts: unknown[] = []
  for (const code of [status.NOT_FOUND, status.INTERNAL, status.UNAVAILABLE, status.RESOURCE_EXHAUSTED]) {
    service.behaviour = { code, details: 'because', trailers: { 'x-more': 'yes' } }
    const error: ServiceError = await quote(pricing).then(
      () => assert.fail(),
      (error) => error,
    )
    assert.deepEqual([error.code, error.details, error.metadata.get('x-more')], [code, 'because', ['yes']])
    const [end] = harness.seen.at(-1)!.ends
    verdicts.push([end?.class, end?.condition, end?.code, end?.status])
  }
  assert.deepEqual(verdicts, [
    ['success', undefined, 5, 'not-found'],
    ['failure', '5xx', 13, 'internal'],
    ['failure', 'gateway-error', 14, 'unavailable'],
    ['success', undefined, 8, 'resource-exhausted'],
  ])
})
