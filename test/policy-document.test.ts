import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeshOptions, PolicyDocument, PolicyRoute, PolicyService } from '../src/index.ts'
import { allPieces, documentSchema } from '../src/policy/schema.ts'
import { policyPieces } from '../src/stack.ts'

const schema = documentSchema(policyPieces)
const accepted = (document: PolicyDocument): boolean => schema.safeParse(document).success
type Key<T> = keyof Required<T> & string

test('the type offers every key of the schema and no other', () => {
  const service: Readonly<Record<Key<PolicyService>, true>> = {
    timeout: true,
    retry: true,
    balance: true,
    breaker: true,
    outlier: true,
    limit: true,
    connect: true,
    lookup: true,
    mtls: true,
    cancel: true,
    hosts: true,
    endpoints: true,
    routes: true,
  }
  const route: Readonly<Record<Key<PolicyRoute>, true>> = {
    match: true,
    timeout: true,
    retry: true,
    idempotent: true,
    cancel: true,
  }
  const pieces = allPieces(policyPieces)
  const ofService = [...pieces.map(({ key }) => key), 'hosts', 'endpoints', 'routes']
  const ofRoute = [...pieces.filter(({ scope }) => scope === 'route').map(({ key }) => key)]
  assert.deepEqual(Object.keys(service).sort(), ofService.sort())
  assert.deepEqual(Object.keys(route).sort(), [...ofRoute, 'match', 'idempotent'].sort())
})

test('what the type accepts, the schema accepts: the example of the issue', () => {
  const document = {
    version: 1,
    defaults: { timeout: '15s', retry: { limit: 2, budget: { ratio: '20%', minPerSecond: 3 } } },
    services: {
      orders: {
        hosts: ['orders.internal:8080'],
        endpoints: ['127.0.0.1:4001', { address: '127.0.0.1:4002', weight: 2 }],
        balance: 'peak-ewma',
        breaker: { errorThreshold: '50%', minRequests: 20, openFor: '10s' },
        outlier: { consecutiveFailures: 5, baseEjection: '1s', maxEjection: '60s', maxEjectedPercent: 50 },
        limit: { inFlight: 1024, queue: 1024 },
        connect: { timeout: '1s', idleTimeout: '4s' },
        routes: [
          {
            match: { path: '/v1/**', method: ['GET'] },
            timeout: '2s',
            retry: { limit: 3, retryOn: ['connect-failure', 'reset'], backoff: { base: '25ms' } },
          },
          { match: { path: '/payments/**' }, idempotent: true, retry: { maxBody: '256KiB' }, cancel: 'none' },
          { match: { method: ['POST'] }, retry: false },
        ],
      },
    },
  } as const satisfies NonNullable<MeshOptions['policy']>
  assert.equal(accepted(document), true)
})

test('mistakes are errors of the compiler as well as of the schema', () => {
  const mistakes: readonly PolicyDocument[] = [
    // @ts-expect-error there is no such key
    { version: 1, servces: {} },
    // @ts-expect-error there is no version 2
    { version: 2 },
    // @ts-expect-error a number is no duration
    { version: 1, defaults: { timeout: 5 } },
    // @ts-expect-error a typo one level down
    { version: 1, defaults: { retry: { limits: 2 } } },
    // @ts-expect-error no such condition
    { version: 1, defaults: { retry: { retryOn: ['conect-failure'] } } },
    // @ts-expect-error only false switches a piece off
    { version: 1, services: { a: { breaker: true } } },
    // @ts-expect-error shared state does not belong on a route
    { version: 1, services: { a: { routes: [{ match: { path: '/' }, balance: 'random' }] } } },
    // @ts-expect-error the budget belongs to the service
    { version: 1, services: { a: { routes: [{ match: { path: '/' }, retry: { budget: {} } }] } } },
  ]
  for (const mistake of mistakes) assert.equal(accepted(mistake), false, JSON.stringify(mistake))
})
