import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEntry } from '../../../src/policy/consul/entry.ts'
import { type NotHonoured, Told } from '../../../src/policy/consul/not-honoured.ts'
import { retryOf } from '../../../src/policy/consul/retries.ts'
import { routeRetrySchema } from '../../../src/resilience/retry-policy.ts'

function read(destination: object): readonly [object | undefined, readonly string[]] {
  const { entry } = readEntry('service-router', { Name: 'orders', Routes: [{ Destination: destination }] })
  const all: NotHonoured[] = []
  const first = entry?.Routes[0]?.Destination
  assert(first)
  return [
    retryOf(first, new Told('service-router', 'orders', all), 'D'),
    all.map(({ path, why }) => `${path}: ${why}`),
  ]
}

test('what a destination says of retries, and what of it no condition stands for', () => {
  const table: readonly (readonly [object, object | undefined, readonly string[]])[] = [
    [{}, undefined, []],
    [{ NumRetries: 0 }, undefined, []],
    [{ NumRetries: 5 }, { limit: 5 }, []],
    [{ RetryOnConnectFailure: true }, { limit: 1, retryOn: ['connect-failure'] }, []],
    [
      { RetryOnStatusCodes: [503] },
      { limit: 1, retryOn: ['gateway-error'] },
      ['D.RetryOnStatusCodes: gateway-error, which stands for 502, 503 and 504: also 502 and 504'],
    ],
    [{ RetryOnStatusCodes: [500, 501, 502, 503, 504] }, { limit: 1, retryOn: ['5xx'] }, []],
    [
      { RetryOnStatusCodes: [409, 500] },
      { limit: 1, retryOn: [] },
      ['D.RetryOnStatusCodes: no condition stands for 409, 500 alone'],
    ],
    [
      {
        NumRetries: 2,
        RetryOn: ['reset', 'envoy-ratelimited', 'unavailable', 'retriable-4xx', 'constructor'],
      },
      { limit: 2, retryOn: ['reset', 'rate-limited', 'unavailable'] },
      ['D.RetryOn: retriable-4xx is no condition here', 'D.RetryOn: constructor is no condition here'],
    ],
    [{ NumRetries: 50 }, { limit: 10 }, ['D.NumRetries: 10 at most']],
  ]
  for (const [destination, retry, told] of table) {
    assert.deepEqual(read(destination), [retry, told], JSON.stringify(destination))
    assert(retry === undefined || routeRetrySchema.safeParse(retry).success, JSON.stringify(retry))
  }
})
