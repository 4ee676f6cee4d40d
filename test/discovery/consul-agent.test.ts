import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { ConsulSource } from '../../src/discovery/consul.ts'
import { type Lookup, lookupOf } from '../../src/discovery/consul-lookup.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { systemRandom } from '../../src/platform/random.ts'
import { sourceContract } from '../contract/source.ts'
import { startAgent } from '../kit/consul/agent.ts'
import { registerMany } from '../kit/consul/fleet.ts'
import { until } from '../kit/wait.ts'

const agent = await startAgent()
after(() => agent.stop())
await registerMany(agent, 'orders', 2, { instance: () => ({ native: true }) })

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

function opened(
  lookup: (name: string) => Lookup = (name) => lookupOf(name, {}, true),
  address = agent.address,
) {
  const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: quiet }
  const link = new HttpConsulLink({ ...world, address })
  const source = new ConsulSource({ ...world, link, lookup })
  const close = source.close.bind(source)
  source.close = async () => {
    await close()
    await link.close()
  }
  return source
}

sourceContract('consul', async () => {
  const source = opened()
  await source.start(new AbortController().signal)
  const heard = new Map<string, EndpointSet>()
  const watch = source.watch.bind(source)
  let last = ''
  source.watch = (service, onSet, onError) => {
    last = service
    heard.delete(service)
    return watch(
      service,
      (set) => {
        heard.set(service, set)
        onSet(set)
      },
      onError,
    )
  }
  return {
    source,
    settled: async () => {
      await until(() => heard.has(last), { what: `a set of ${last}` })
    },
  }
})

test('what a real agent says of an instance stands on its endpoint', async () => {
  const source = opened()
  const sets: EndpointSet[] = []
  source.watch(
    'orders',
    (set) => sets.push(set),
    (error) => assert.fail(String(error)),
  )
  await until(() => sets.length > 0, { what: 'a set' })
  const { address, port, mtls, weight, identity } = sets[0]?.endpoints[0] ?? {}
  assert.deepEqual(
    { address, port, mtls, weight, identity },
    { address: '10.1.0.0', port: 8080, mtls: 'strict', weight: 1, identity: undefined },
  )
  await source.close()
})
