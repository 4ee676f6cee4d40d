import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsulRequest } from '../../src/core/consul.ts'
import { type Lookup, lookupOf } from '../../src/discovery/consul-lookup.ts'
import { ConsulRights, missingServiceRule } from '../../src/discovery/consul-rights.ts'

/** What a token sees of a catalog. */
function seeing(names: readonly string[], nodes: number): { rights: ConsulRights; asked: ConsulRequest[] } {
  const asked: ConsulRequest[] = []
  const send = async (request: ConsulRequest) => {
    asked.push(request)
    const services = Object.fromEntries(names.map((name) => [name, []]))
    const body = request.path === '/v1/catalog/services' ? services : Array.from({ length: nodes }, () => 1)
    return { status: 200, index: 1, digest: '', body, filtered: false, knownLeader: true }
  }
  return { rights: new ConsulRights({ send }), asked }
}

const orders = lookupOf('orders.dc2', {}, true)

test('a token that sees services and no nodes, or nothing, sees nothing', async () => {
  assert.equal(await seeing(['orders'], 1).rights.sees(orders), true)
  assert.equal(await seeing(['orders'], 0).rights.sees(orders), false)
  assert.equal(await seeing([], 1).rights.sees(orders), false)
})

test('the leader is asked, where the instances are', async () => {
  const { rights, asked } = seeing(['orders'], 1)
  await rights.sees(orders)
  assert.deepEqual(
    asked.map(({ path, query, consistency }) => [path, query?.dc, consistency]),
    [
      ['/v1/catalog/services', 'dc2', 'default'],
      ['/v1/catalog/nodes', 'dc2', 'default'],
    ],
  )
})

test('what is only told may come from any server', async () => {
  const { rights, asked } = seeing(['orders'], 1)
  await rights.whyNone(orders)
  assert.deepEqual(
    asked.map(({ consistency }) => consistency),
    ['stale', 'stale'],
  )
})

test('why a service has no instances: a right, mutual TLS, or nothing at all', async () => {
  const why = (names: readonly string[], nodes: number, lookup: Lookup) =>
    seeing(names, nodes).rights.whyNone(lookup)
  assert.match((await why(['orders'], 0, orders)) ?? '', /lacks node_prefix "" \{ policy = "read" \}/)
  assert.match((await why(['orders'], 1, orders)) ?? '', /none that speaks Connect's mutual TLS/)
  assert.equal(await why(['orders'], 1, { ...orders, connect: false }), undefined)
  assert.equal(await why(['orders'], 1, { ...orders, filter: 'Service.Port == 1' }), undefined)
  assert.equal(await why(['web'], 0, orders), undefined)
})

test('who sees no service but itself is told the rule', () => {
  assert.match(missingServiceRule(['web'], 'web') ?? '', /service_prefix/)
  assert.match(missingServiceRule([], undefined) ?? '', /service_prefix/)
  assert.equal(missingServiceRule(['consul'], 'web'), undefined)
  assert.equal(missingServiceRule(['web', 'orders'], 'web'), undefined)
})
