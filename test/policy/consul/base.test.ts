import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compile } from '../../../src/policy/compile.ts'
import { consulBase } from '../../../src/policy/consul/base.ts'
import { ENTRY_KINDS, type Entries, readEntry } from '../../../src/policy/consul/entry.ts'
import { policyPieces } from '../../../src/stack.ts'
import { baseOf, defaults, HTTP, resolver, router } from '../../kit/consul-entries.ts'
import { goodPolicy } from '../../kit/policy.ts'

const PROXIES = { ...HTTP, Config: { protocol: 'http', connect_timeout_ms: 2500 } }
const snapshot = (
  text: string | undefined,
  base: ReturnType<typeof baseOf>,
  previous?: ReturnType<typeof compile>,
) =>
  compile(text === undefined ? [] : [goodPolicy(text)], policyPieces, {
    version: 'doc',
    base,
    knownServices: ['stock'],
    previous: previous?.snapshot,
  })

test('an entry wins over the built-in values, a document over both, the narrower over the wider', () => {
  const base = baseOf(
    PROXIES,
    resolver('orders', { ConnectTimeout: '15s', RequestTimeout: '20s' }),
    defaults('web', { UpstreamConfig: { Overrides: [{ Name: 'pricing', ConnectTimeoutMs: 300 }] } }),
    router('orders', {
      Match: { HTTP: { PathPrefix: '/pay' } },
      Destination: { RequestTimeout: '90s', NumRetries: 5 },
    }),
  )
  const { services, version } = snapshot('version: 1\ndefaults: { retry: { limit: 3 } }\n', base).snapshot
  const connect = (service: string) => services.get(service)?.params.connect
  assert.deepEqual(connect('stock'), { timeout: 2500, idleTimeout: 4000 })
  assert.deepEqual(connect('orders'), { timeout: 15_000, idleTimeout: 4000 })
  assert.deepEqual(connect('pricing'), { timeout: 300, idleTimeout: 4000 })
  const pay = services.get('orders')?.route('POST', '/pay/1')
  assert.equal(pay?.name, 'orders.routes[0]')
  assert.equal(pay?.params.timeout, 90_000)
  assert.equal(
    (pay?.params.retry as { limit: number } | undefined)?.limit,
    3,
    'defaults of a document win over a router',
  )
  assert.equal(services.get('orders')?.route('GET', '/x').params.timeout, 20_000)
  assert.match(version, /^doc\+v/)
})

test('a list of routes in a document replaces that of the router as a whole', () => {
  const base = baseOf(PROXIES, router('orders', { Match: { HTTP: { PathPrefix: '/pay' } } }))
  const text = 'version: 1\nservices: { orders: { routes: [{ match: { path: /x }, timeout: 1s }] } }\n'
  const plan = snapshot(text, base).snapshot.services.get('orders')
  assert.deepEqual(
    plan?.routes.map(({ match }) => match?.path),
    ['/x', undefined],
  )
})

test('a plan stays the same object while neither its document nor its entries say something else', () => {
  const entries = [
    PROXIES,
    resolver('orders', { ConnectTimeout: '15s' }),
    resolver('shop', { ConnectTimeout: '1s' }),
  ]
  const before = snapshot(undefined, baseOf(...entries))
  const more = [...entries.slice(0, 2), resolver('shop', { ConnectTimeout: '2s' })]
  const after = snapshot(undefined, baseOf(...more), before)
  const same = (service: string) =>
    before.snapshot.services.get(service) === after.snapshot.services.get(service)
  assert.deepEqual([same('orders'), same('stock'), same('shop')], [true, true, false])
  assert.notEqual(before.snapshot.version, after.snapshot.version)
  const unread = baseOf(...more, defaults('other', { Protocol: 'http', Meta: { a: 'b' } }))
  assert.equal(snapshot(undefined, unread, after).snapshot.version, after.snapshot.version)
})

test('a service that only entries name has a plan', () => {
  const { services } = snapshot(
    undefined,
    baseOf(resolver('old', { Redirect: { Service: 'orders' } })),
  ).snapshot
  assert.deepEqual(services.get('old')?.params.lookup, { onlyPassing: false, service: 'orders' })
  assert.equal(services.get('stock')?.version, 'built-in')
})

const names = fc.constantFrom('a', 'b', 'web', 'global', '__proto__', 'constructor', 'Ä', '')
const hostile = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, '', '15s', 'http', '/x', '/**', 'v1', -1, 0, 1, 100, 1e300, true, false),
    names,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'Routes',
          'Match',
          'HTTP',
          'PathPrefix',
          'PathExact',
          'Header',
          'Methods',
          'Destination',
          'Service',
        ],
        ...['ServiceSubset', 'Namespace', 'NumRetries', 'RetryOn', 'RetryOnStatusCodes', 'Splits', 'Weight'],
        ...['Redirect', 'DefaultSubset', 'Subsets', 'Filter', 'Failover', 'ConnectTimeout', 'LoadBalancer'],
        ...['Policy', 'Protocol', 'UpstreamConfig', 'Defaults', 'Overrides', 'Limits', 'Config', 'protocol'],
        ...['PassiveHealthCheck', 'MaxFailures', 'MeshGateway', 'Mode', 'Name', '__proto__', 'toString'],
      ),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
})).value

const text = (value: unknown) => (typeof value === 'string' ? value : '')

test('whatever an entry says, reading it, translating it and compiling it never throw', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...ENTRY_KINDS), names, hostile), { maxLength: 6 }),
      (list) => {
        const entries = Object.fromEntries(ENTRY_KINDS.map((kind) => [kind, new Map<string, unknown>()]))
        for (const [kind, name, value] of list) {
          const { entry } = readEntry(
            kind,
            typeof value === 'object' && value !== null ? { ...value, Name: name } : value,
          )
          if (entry !== undefined) entries[kind]?.set(text(entry.Name), entry)
        }
        const base = consulBase(entries as Entries, {
          service: 'web',
          pieces: policyPieces,
          digest: (said) => said,
        })
        compile([], policyPieces, { version: 'v', base })
      },
    ),
    { numRuns: 500 },
  )
})

test('entries that are nearly right are translated, not merely refused', () => {
  const destination = fc.record(
    {
      Service: names,
      ServiceSubset: fc.constantFrom('v1', ''),
      RequestTimeout: fc.constantFrom('1s', '0s', '1h', 5),
      NumRetries: fc.nat(20),
      RetryOnStatusCodes: fc.array(fc.integer({ min: 400, max: 599 }), { maxLength: 4 }),
      RetryOn: fc.array(fc.string(), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  const route = fc.record(
    {
      Match: fc.record({ HTTP: fc.record({ PathPrefix: fc.string(), Methods: fc.array(fc.string()) }) }),
      Destination: destination,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(route, { maxLength: 5 }), (routes) => {
      const made = baseOf(HTTP, router('orders', ...routes))
      const { services } = compile([], policyPieces, { version: 'v', base: made }).snapshot
      services.get('orders')?.route('GET', '/x')
    }),
  )
})
