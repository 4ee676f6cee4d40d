import assert from 'node:assert/strict'
import { test } from 'node:test'
import { covered, named, retryPiece } from '../../src/resilience/retry-policy.ts'

test('every field may be left out, and the values are milliseconds, bytes and fractions', () => {
  assert.deepEqual(retryPiece.schema.parse({}), {})
  assert.deepEqual(
    retryPiece.schema.parse({
      limit: 3,
      retryOn: ['reset'],
      tryTimeout: '500ms',
      backoff: { base: '25ms' },
      maxBody: '256KiB',
      budget: { ratio: '20%', ttl: '10s' },
    }),
    {
      limit: 3,
      retryOn: ['reset'],
      tryTimeout: 500,
      backoff: { base: 25 },
      maxBody: 262_144,
      budget: { ratio: 0.2, ttl: 10_000 },
    },
  )
  assert.equal(retryPiece.schema.parse(false), false)
})

test('mistakes say what would be accepted', () => {
  assert.throws(() => retryPiece.schema.parse({ limit: 'three' }), /expected a whole number 0–10/)
  assert.throws(() => retryPiece.schema.parse({ retryOn: ['deadline'] }), /expected one of connect-failure/)
  assert.throws(() => retryPiece.schema.parse({ attempts: 3 }))
})

test('a route has no budget of its own', () => {
  assert.throws(() => retryPiece.routeSchema?.parse({ budget: { ratio: '50%' } }))
  assert.deepEqual(retryPiece.routeSchema?.parse({ limit: 1 }), { limit: 1 })
})

test("how much of a body is kept for replay is the policy's word, else the protocol's; nothing where nothing is retried", () => {
  assert.deepEqual(retryPiece.traits?.(retryPiece.defaults), { replayBytes: undefined })
  const { defaults } = retryPiece
  assert.ok(defaults !== false)
  assert.deepEqual(retryPiece.traits?.({ ...defaults, maxBody: 262_144 }), { replayBytes: 262_144 })
  assert.deepEqual(retryPiece.traits?.(false), { replayBytes: 0 })
})

test('gRPC statuses stand beside conditions, and are told apart', () => {
  const retryOn = ['unavailable', 'reset', 'aborted'] as const
  assert.deepEqual(retryPiece.schema.parse({ retryOn: [...retryOn] }), { retryOn: [...retryOn] })
  assert.deepEqual([...covered(retryOn)], ['reset'])
  assert.deepEqual(named(retryOn), new Set(['unavailable', 'aborted']))
  assert.equal(named(['reset', '5xx']), undefined)
  assert.throws(() => retryPiece.schema.parse({ retryOn: ['ok'] }), /expected one of .*, unauthenticated/)
  assert.throws(() => retryPiece.schema.parse({ retryOn: ['UNAVAILABLE'] }), /expected one of/)
})

test('5xx covers everything that Envoy puts under it, gateway-error covers a try-timeout', () => {
  assert.deepEqual(
    [...covered(['5xx'])].sort(),
    ['5xx', 'connect-failure', 'gateway-error', 'refused-stream', 'reset', 'try-timeout'].sort(),
  )
  assert.deepEqual([...covered(['gateway-error'])], ['gateway-error', 'try-timeout'])
  assert.deepEqual([...covered(['reset'])], ['reset'])
})
