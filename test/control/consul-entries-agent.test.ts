import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { processWorld } from '../../src/cli/process-world.ts'
import { ConsulEntries } from '../../src/control/consul-entries.ts'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { policyPieces } from '../../src/stack.ts'
import { FakeWorld, tulle } from '../kit/command.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { HTTP, levelOf, resolver, router, splitter } from '../kit/consul-entries.ts'
import { until } from '../kit/wait.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const SOON = { what: 'the change of an entry', withinMs: 30_000 }

let agent: Agent
let reader: string

before(async () => {
  agent = await startAgent({ acl: 'deny' })
  await agent.api('PUT', '/v1/acl/policy', {
    Name: 'entries-reader',
    Rules: 'service_prefix "" { policy = "read" }',
  })
  const made = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: 'entries-reader' }] })
  reader = made.json.SecretID
})
after(() => agent.stop())

const write = async (...entries: readonly object[]): Promise<void> => {
  for (const entry of entries) {
    const { status, text } = await agent.api('PUT', '/v1/config', entry)
    assert.equal(status, 200, text)
  }
}

const ports = { clock: systemClock, random: Math.random, log: quiet }

const linkWith = (token: string | undefined) =>
  new HttpConsulLink({ ...ports, address: agent.address, token })

async function follow(link: Pick<HttpConsulLink, 'send' | 'address' | 'close'> = linkWith(reader)) {
  const entries = new ConsulEntries({
    ...ports,
    link,
    service: 'web',
    pieces: policyPieces,
    wall: systemWall,
  })
  await entries.start(new AbortController().signal)
  return {
    entries,
    async [Symbol.asyncDispose]() {
      await entries.close()
      await link.close()
    },
  }
}

test('a real agent’s entries come into force and go, with the least rights there are', async () => {
  await write(HTTP)
  await using world = await follow()
  const { entries } = world
  await write(resolver('old', { Redirect: { Service: 'orders' }, ConnectTimeout: '7s' }))
  await until(() => levelOf(entries.base, 'old').lookup !== undefined, SOON)
  await write(
    router('old', {
      Match: { HTTP: { PathPrefix: '/pay', Methods: ['POST'] } },
      Destination: { RequestTimeout: '1m30s', NumRetries: 3, RetryOnConnectFailure: true },
    }),
  )
  await until(() => entries.base.services.get('old')?.routes.length === 1, SOON)
  assert.deepEqual(entries.base.services.get('old')?.routes[0]?.own.level, {
    timeout: 90_000,
    retry: { limit: 3, retryOn: ['connect-failure'] },
  })
  assert.deepEqual(entries.status().problems, [])
  assert.equal(entries.status().source, 'consul')
  await agent.api('DELETE', '/v1/config/service-router/old')
  await agent.api('DELETE', '/v1/config/service-resolver/old')
  await until(() => entries.base.services.size === 0, SOON)
})

test('FAULTS 24: a token that is taken away takes no entry away', async () => {
  await write(resolver('kept', { ConnectTimeout: '7s' }))
  const policy = { Name: 'short', Rules: 'service_prefix "" { policy = "read" }' }
  await agent.api('PUT', '/v1/acl/policy', policy)
  const { json } = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: 'short' }] })
  const [holding, bare] = [linkWith(json.SecretID), linkWith(undefined)]
  let link = holding
  await using world = await follow({
    address: agent.address,
    send: (request, signal) => link.send(request, signal),
    close: async () => void (await Promise.all([holding.close(), bare.close()])),
  })
  const { entries } = world
  assert.equal(entries.base.services.size, 1)
  link = bare
  // Wakes the query that is waiting, with a token or already without; again, since the next one may wait already.
  let seconds = 7
  const told = async (): Promise<boolean> => {
    if (entries.status().problems.some((problem) => /may no longer be read/.test(problem))) return true
    await write(resolver('other', { ConnectTimeout: `${seconds++}s` }))
    return false
  }
  await until(told, { ...SOON, everyMs: 50 })
  assert.deepEqual([...entries.base.services.keys()].slice(0, 1), ['kept'])
  for (const name of ['kept', 'other']) await agent.api('DELETE', `/v1/config/service-resolver/${name}`)
})

test('calls go where Consul’s own discovery chain sends them', async () => {
  await write(
    HTTP,
    resolver('orders', {
      ConnectTimeout: '9s',
      DefaultSubset: 'v2',
      Subsets: {
        v1: { Filter: 'Service.Meta.version == "1"' },
        v2: { Filter: 'Service.Meta.version == "2"' },
      },
    }),
    resolver('subset', { Redirect: { Service: 'orders', ServiceSubset: 'v1' } }),
    resolver('twice', { Redirect: { Service: 'subset' } }),
    resolver('abroad', { Redirect: { Service: 'subset', Datacenter: 'dc2' } }),
    splitter('moved', { Weight: 100, Service: 'twice' }),
    router('routed', { Destination: { Service: 'moved' } }),
  )
  await using world = await follow()
  for (const service of ['orders', 'subset', 'twice', 'abroad', 'moved', 'routed', 'nobody']) {
    const { json } = await agent.api('GET', `/v1/discovery-chain/${service}`)
    const [target] = targetsOf(json.Chain)
    const said = levelOf(world.entries.base, service)
    const lookup = { service, datacenter: 'dc1', filter: undefined, ...(said.lookup as object) }
    const connect = (said.connect as { timeout: number } | undefined)?.timeout ?? 5000
    assert.deepEqual(
      { service: lookup.service, datacenter: lookup.datacenter, filter: lookup.filter, connect },
      target,
      service,
    )
  }
})

/** What every call ends at, as the agent has compiled it; there must be one of it. */
function targetsOf(chain: any): readonly object[] {
  const ends = new Set<string>()
  const visit = (name: string): void => {
    const node = chain.Nodes[name]
    if (node.Type === 'resolver') ends.add(name)
    // The last route of a router is the one that Consul adds itself.
    else if (node.Type === 'router') visit(node.Routes[0].NextNode)
    else for (const split of node.Splits) visit(split.NextNode)
  }
  visit(chain.StartNode)
  return [...ends].map((name) => {
    const { Target, ConnectTimeout } = chain.Nodes[name].Resolver
    const { Service, Datacenter, Subset } = chain.Targets[Target]
    return {
      service: Service,
      datacenter: Datacenter,
      filter: Subset?.Filter || undefined,
      connect: Number.parseFloat(ConnectTimeout) * 1000,
    }
  })
}

test('tulle explain asks a real agent', async () => {
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', 'version: 1\nservices: { orders: { timeout: 3s } }\n')
  await agent.api('POST', '/v1/connect/intentions', {
    SourceName: 'evil',
    DestinationName: 'orders',
    Action: 'deny',
  })
  const world = Object.assign(new FakeWorld(), { openConsul: processWorld.openConsul })
  world.env = {
    TULLE_DISCOVERY: 'consul',
    TULLE_POLICY: 'consul://tulle/mesh.yaml',
    CONSUL_HTTP_ADDR: agent.address,
    CONSUL_HTTP_TOKEN: agent.token,
  }
  const { code, out, err } = await tulle(world, 'explain', 'twice', '--json')
  assert.equal(code, 0, err)
  const { destination, intentions, version } = JSON.parse(out)
  assert.equal(destination, 'orders')
  assert.deepEqual(
    intentions.map((one: { SourceName: string; Action: string }) => [one.SourceName, one.Action]),
    [['evil', 'deny']],
  )
  assert.notEqual(version, 'built-in')
  assert.match((await tulle(world, 'explain', 'orders')).out, /document consul:\/\/tulle\/mesh\.yaml:2 /)
})
