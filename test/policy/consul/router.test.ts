import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseOf, HTTP, levelOf, router, told } from '../../kit/consul-entries.ts'

const routesOf = (...routes: readonly object[]) => {
  const base = baseOf(HTTP, router('orders', ...routes))
  const made = base.services.get('orders')?.routes ?? []
  return { base, routes: made, told: told(base) }
}
const match = (HTTP: object): object => ({ Match: { HTTP } })

test('paths and methods become ours; a prefix is one of text, as Consul has it', () => {
  const { routes, told } = routesOf(
    match({ PathExact: '/x' }),
    match({ PathPrefix: '/admin', Methods: ['GET', 'PUT'] }),
    match({ PathPrefix: '/files/' }),
    match({ PathPrefix: '/' }),
    { Match: null, Destination: null },
  )
  assert.deepEqual(
    routes.map((route) => route.match),
    [
      { path: '/x' },
      { path: '/admin*/**', method: ['GET', 'PUT'] },
      { path: '/files/**' },
      { path: '/**' },
      { path: '/**' },
    ],
  )
  assert.deepEqual(told, [])
})

test('a route whose match cannot be expressed is left out, the others stay, and that is told', () => {
  const { routes, told } = routesOf(
    match({ PathRegex: '/a.*' }),
    match({ PathPrefix: '/b', Header: [{ Name: 'x', Present: true }] }),
    match({ PathPrefix: '/c', QueryParam: [{ Name: 'x', Exact: '1' }] }),
    match({ PathExact: '/d/*' }),
    match({ PathPrefix: '/e', CaseInsensitive: true }),
    match({ PathExact: '/f' }),
  )
  assert.deepEqual(
    routes.map((route) => [route.match.path, route.from]),
    [['/f', 'consul service-router/orders Routes[5]']],
  )
  assert.deepEqual(
    told.map((line) => line.split(':')[0]),
    [
      'service-router/orders Routes[0].Match.HTTP.PathRegex',
      'service-router/orders Routes[1].Match.HTTP.Header',
      'service-router/orders Routes[2].Match.HTTP.QueryParam',
      'service-router/orders Routes[3].Match.HTTP.PathExact',
      'service-router/orders Routes[4].Match.HTTP.CaseInsensitive',
    ],
  )
})

test('time-outs and retries of a destination are those of the route', () => {
  const { routes, told } = routesOf({
    ...match({ PathPrefix: '/pay' }),
    Destination: {
      Service: 'orders',
      Namespace: 'default',
      RequestTimeout: '1m30s',
      NumRetries: 3,
      RetryOnConnectFailure: true,
      RetryOnStatusCodes: [502, 503, 504, 429],
    },
  })
  assert.deepEqual(routes[0]?.own.level, {
    timeout: 90_000,
    retry: { limit: 3, retryOn: ['connect-failure', 'rate-limited', 'gateway-error'] },
  })
  assert.equal(
    routes[0]?.own.from.timeout,
    'consul service-router/orders Routes[0].Destination.RequestTimeout',
  )
  assert.deepEqual(told, [])
})

test('a destination elsewhere keeps its route, and says that its calls go to the service itself', () => {
  const { routes, told } = routesOf(
    { ...match({ PathPrefix: '/admin' }), Destination: { Service: 'admin', RequestTimeout: '1s' } },
    { ...match({ PathPrefix: '/v2' }), Destination: { ServiceSubset: 'v2' } },
    {
      ...match({ PathPrefix: '/old' }),
      Destination: { PrefixRewrite: '/', RequestHeaders: { Set: { a: 'b' } }, IdleTimeout: '1s' },
    },
  )
  assert.deepEqual(
    routes.map(({ own }) => own.level),
    [{ timeout: 1000 }, {}, {}],
  )
  assert.deepEqual(told, [
    'service-router/orders Routes[0].Destination.Service: one route cannot go elsewhere yet: its calls go to orders, not to admin',
    'service-router/orders Routes[1].Destination.ServiceSubset: one route cannot go elsewhere yet: its calls go to orders, not to v2',
    'service-router/orders Routes[2].Destination.PrefixRewrite: not honoured: the call goes on without it',
    'service-router/orders Routes[2].Destination.IdleTimeout: not honoured: the call goes on without it',
    'service-router/orders Routes[2].Destination.RequestHeaders: not honoured: the call goes on without it',
  ])
})

test('a first route that takes everything elsewhere is a redirect', () => {
  const { base, told } = routesOf({ Destination: { Service: 'shop' } })
  assert.deepEqual(levelOf(base, 'orders').lookup, { service: 'shop' })
  assert.deepEqual(told, [])
})

test('a router of a service that is not HTTP is not honoured, as in Consul', () => {
  const base = baseOf(router('orders', match({ PathExact: '/x' })))
  assert.equal(base.services.size, 0)
  assert.deepEqual(told(base), [
    'service-router/orders Routes: the protocol of orders is tcp: Consul looks at no requests of it either',
  ])
})
