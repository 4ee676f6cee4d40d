import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseOf, defaults, levelOf, resolver, told } from '../../kit/consul-entries.ts'

test('a subset is where endpoints are looked for', () => {
  const base = baseOf(
    resolver('orders', {
      DefaultSubset: 'v2',
      Subsets: { v2: { Filter: 'Service.Meta.version == 2', OnlyPassing: true } },
      ConnectTimeout: '1.5s',
      RequestTimeout: 20_000_000_000,
      LoadBalancer: { Policy: 'least_request' },
    }),
    resolver('old', { Redirect: { Service: 'orders', Datacenter: 'dc2', Namespace: 'default' } }),
  )
  assert.deepEqual(levelOf(base, 'orders'), {
    connect: { timeout: 1500 },
    timeout: 20_000,
    balance: 'least-request',
    lookup: { filter: 'Service.Meta.version == 2', onlyPassing: true },
  })
  assert.deepEqual(levelOf(base, 'old'), {
    ...levelOf(base, 'orders'),
    lookup: {
      service: 'orders',
      datacenter: 'dc2',
      filter: 'Service.Meta.version == 2',
      onlyPassing: true,
    },
  })
  assert.deepEqual(told(base), [])
})

test('what a resolver says and nobody does is told', () => {
  const base = baseOf(
    resolver('orders', {
      DefaultSubset: 'gone',
      Failover: { '*': { Datacenters: ['dc2'] } },
      LoadBalancer: { Policy: 'ring_hash' },
      PrioritizeByLocality: { Mode: 'failover' },
      Namespace: 'default',
    }),
    resolver('shop', { LoadBalancer: { Policy: 'least_request', LeastRequestConfig: { ChoiceCount: 5 } } }),
    resolver('long', { DefaultSubset: 'v', Subsets: { v: { Filter: 'x'.repeat(5000) } } }),
  )
  assert.deepEqual(told(base), [
    'service-resolver/long DefaultSubset: lookup: expected at most 2048 characters',
    'service-resolver/orders LoadBalancer.Policy: ring_hash is not there: the balancer stays',
    'service-resolver/orders Subsets: there is no subset gone: calls go to all instances of orders',
    'service-resolver/shop LoadBalancer.LeastRequestConfig: the balancer has no such setting',
    'service-resolver/orders Failover: calls stay with their own instances and datacenter when these fail',
    'service-resolver/orders PrioritizeByLocality: not known to this version of tulle',
  ])
})

test('what is about proxies is told where it says something', () => {
  const base = baseOf(
    {
      Kind: 'proxy-defaults',
      Name: 'global',
      Config: { local_connect_timeout_ms: 5 },
      MeshGateway: { Mode: 'local' },
    },
    defaults('orders', {
      Protocol: 'http',
      MeshGateway: {},
      Expose: {},
      TransparentProxy: {},
      ExternalSNI: 'x',
    }),
  )
  assert.deepEqual(told(base), [
    'service-defaults/orders ExternalSNI: is about a proxy, and there is none',
    'proxy-defaults/global MeshGateway.Mode: endpoints in other datacenters are called directly',
    'proxy-defaults/global Config.local_connect_timeout_ms: is about a proxy, and there is none',
  ])
})
