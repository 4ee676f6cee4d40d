import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainOf, isHttp, protocolOf } from '../../../src/policy/consul/chain.ts'
import { type NotHonoured, Told } from '../../../src/policy/consul/not-honoured.ts'
import { defaults, entriesOf, HTTP, resolver, router, splitter } from '../../kit/consul-entries.ts'

function chain(service: string, ...all: readonly object[]) {
  const said: NotHonoured[] = []
  const { target, from } = chainOf(service, entriesOf(all), (kind, name) => new Told(kind, name, said))
  const { service: at, subset, datacenter } = target
  return {
    at: [at, subset, datacenter].filter((part) => part !== undefined).join(' '),
    from: from?.told.from(from.path),
    told: said.map(({ path, why }) => `${path}: ${why}`),
  }
}

test('redirects are followed to their end, and the resolver there has the last word', () => {
  const entries = [
    resolver('old', { Redirect: { Service: 'older', Datacenter: 'dc2' } }),
    resolver('older', { Redirect: { Service: 'orders', ServiceSubset: 'v1' } }),
    resolver('orders', { DefaultSubset: 'v2', Subsets: { v1: {}, v2: {} } }),
  ]
  assert.deepEqual(chain('old', ...entries), {
    at: 'orders v1 dc2',
    from: 'consul service-resolver/older Redirect',
    told: [],
  })
  assert.equal(chain('orders', ...entries).at, 'orders v2')
  assert.equal(chain('other', ...entries).at, 'other')
})

test('a redirect in a circle is not followed at all', () => {
  const entries = [
    resolver('a', { Redirect: { Service: 'b' } }),
    resolver('b', { Redirect: { Service: 'c' } }),
    resolver('c', { Redirect: { Service: 'b' } }),
  ]
  assert.deepEqual(chain('a', ...entries), {
    at: 'a',
    from: undefined,
    told: ['Redirect: circular: calls stay with a'],
  })
  assert.equal(chain('d', resolver('d', { Redirect: { Service: 'd' } })).told.length, 0, 'to itself is none')
})

test('a splitter that sends all calls one way is a redirect; one that divides them is told', () => {
  const all = { Weight: 100, Service: 'shop' }
  assert.equal(chain('orders', HTTP, splitter('orders', all, { Weight: 0, Service: 'x' })).at, 'shop')
  assert.equal(
    chain('orders', HTTP, splitter('orders', all), splitter('shop', { Weight: 100, ServiceSubset: 'v2' })).at,
    'shop v2',
    'splitters of splitters, as in Consul',
  )
  const divided = chain(
    'orders',
    HTTP,
    splitter('orders', { Weight: 90, ServiceSubset: 'v1' }, { Weight: 10 }),
  )
  assert.deepEqual([divided.at, divided.told.length], ['orders', 1])
  assert.deepEqual(
    chain('orders', splitter('orders', all)),
    {
      at: 'orders',
      from: undefined,
      told: ['Splits: the protocol of orders is tcp: Consul looks at no requests of it either'],
    },
    'not for what is not HTTP',
  )
  const headers = { ...all, RequestHeaders: { Add: { a: 'b' } } }
  assert.deepEqual(
    chain('orders', HTTP, splitter('orders', { Weight: 0, Service: 'x' }, headers)).told,
    ['Splits[1].RequestHeaders: not honoured: the call goes on without it'],
    'the share that is meant is named',
  )
  const circle = [splitter('a', { Weight: 100, Service: 'b' }), splitter('b', { Weight: 100, Service: 'a' })]
  assert.equal(chain('a', HTTP, ...circle).at, 'a')
})

test('a router comes before the splitter, the splitter before the resolver', () => {
  const entries = [
    HTTP,
    router('web', { Destination: { Service: 'orders' } }),
    splitter('orders', { Weight: 100, Service: 'shop' }),
    resolver('shop', { Redirect: { Datacenter: 'dc2' } }),
  ]
  assert.equal(chain('web', ...entries).at, 'shop dc2')
})

test('peers and sameness groups are not followed, and that is told', () => {
  const { at, told } = chain('orders', resolver('orders', { Redirect: { Service: 'x', Peer: 'other' } }))
  assert.deepEqual([at, told.length], ['orders', 1])
})

test('the protocol is that of the service, of all proxies, or tcp', () => {
  const entries = entriesOf([
    HTTP,
    defaults('orders', { Protocol: 'grpc' }),
    defaults('db', { Protocol: 'TCP' }),
  ])
  assert.deepEqual(
    ['orders', 'db', 'other'].map((service) => protocolOf(service, entries)),
    ['grpc', 'tcp', 'http'],
  )
  assert.equal(isHttp('db', entries), false)
  assert.equal(protocolOf('orders', {}), 'tcp')
})
