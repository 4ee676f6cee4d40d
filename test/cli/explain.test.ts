import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../../src/core/consul.ts'
import { ConsulRefusal } from '../../src/core/consul.ts'
import { FakeWorld, tulle } from '../kit/command.ts'
import { HTTP, resolver, router } from '../kit/consul-entries.ts'

const TEXT = `version: 1
services:
  orders:
    timeout: 3s
    routes:
      - match: { path: /v1/**, method: [GET] }
        retry: { limit: 7 }
  pricing:
    routes:
      - match: { grpc: { service: pricing.v1.Pricing } }
        timeout: 1s
`
let folder: string
let file: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tulle-explain-'))
  file = join(folder, 'mesh.yaml')
  await writeFile(file, TEXT)
})
after(() => rm(folder, { recursive: true }))

const world = (env: Record<string, string> = {}): FakeWorld => {
  const made = new FakeWorld()
  made.env = env
  return made
}

/** Answers by path; what is an error rejects, what is not there is empty. */
function agent(answers: Readonly<Record<string, unknown>>): ConsulLink & { readonly asked: ConsulRequest[] } {
  const asked: ConsulRequest[] = []
  return {
    address: 'http://127.0.0.1:8500',
    asked,
    async send(request): Promise<ConsulAnswer> {
      asked.push(request)
      const body = request.path in answers ? answers[request.path] : []
      if (body instanceof Error) throw body
      const facts = { index: 1, digest: '', filtered: false, knownLeader: true }
      return { ...facts, status: body === undefined ? 404 : 200, body }
    },
    async close() {},
  }
}
const line = (out: string, start: string): string =>
  out
    .split('\n')
    .find((text) => text.trim().startsWith(start))
    ?.replaceAll(/\s+/g, ' ')
    .trim() ?? ''

test('a route is found, and every value says where it stands', async () => {
  const { code, out } = await tulle(world(), 'explain', 'orders', 'get', '/v1/x?y=1', '--policy', file)
  assert.equal(code, 0)
  assert.match(out, /^GET \/v1\/x to orders\n/)
  assert.equal(
    line(out, 'route'),
    `route orders.routes[0], path /v1/**, method GET: document ${file}:6 services.orders.routes[0]`,
  )
  assert.equal(line(out, 'timeout'), `timeout 3000 document ${file}:4 services.orders.timeout`)
  assert.equal(
    line(out, 'retry.limit'),
    `retry.limit 7 document ${file}:7 services.orders.routes[0].retry.limit`,
  )
  assert.equal(line(out, 'balance'), 'balance peak-ewma built-in')
  assert.equal(line(out, 'mtls'), 'mtls disable: there is no identity')
})

test('a path alone is a GET, and a gRPC call is named by its service and method', async () => {
  const get = await tulle(world({ TULLE_POLICY: file }), 'explain', 'orders', '/other')
  assert.match(
    get.out,
    /^GET \/other to orders\n {2}route {3}orders, which everything takes that no other matches\n/,
  )
  const grpc = await tulle(
    world({ TULLE_POLICY: file }),
    ...['explain', 'pricing', '--grpc', 'pricing.v1.Pricing/Quote', '--json'],
  )
  const { request, route, fields } = JSON.parse(grpc.out)
  assert.deepEqual(request, {
    service: 'pricing',
    method: 'POST',
    path: '/pricing.v1.Pricing/Quote',
    protocol: 'grpc',
  })
  assert.deepEqual([route.name, route.match.grpc.service], ['pricing.routes[0]', 'pricing.v1.Pricing'])
  assert.deepEqual(
    fields.find(({ path }: { path: string }) => path === 'timeout'),
    { path: 'timeout', value: 1000, from: `document ${file}:11 services.pricing.routes[0].timeout` },
  )
})

const CONSUL = { TULLE_DISCOVERY: 'consul', TULLE_SERVICE: 'web', TULLE_POLICY: 'consul://tulle/mesh.yaml' }

test('with Consul the entries are the level below, and say what of them is not honoured', async () => {
  const made = world(CONSUL)
  const link = agent({
    '/v1/kv/tulle/mesh.yaml': Buffer.from(TEXT),
    '/v1/config/proxy-defaults': [HTTP],
    '/v1/config/service-router': [
      router('orders', { Match: { HTTP: { PathPrefix: '/a' } } }),
      router('shop', { Match: { HTTP: { PathRegex: '.*' } } }),
    ],
    '/v1/config/service-resolver': [
      resolver('orders', {
        ConnectTimeout: '2s',
        Redirect: { Service: 'orders-eu', Datacenter: 'eu' },
      }),
      resolver('orders-eu', { ConnectTimeout: '5s', Failover: { '*': { Datacenters: ['us'] } } }),
    ],
    '/v1/config/service-splitter': new ConsulRefusal(500, 'invalid config entry kind: service-splitter', ''),
    '/v1/connect/intentions/match': {
      'orders-eu': [
        { SourceName: 'evil', DestinationName: 'orders-eu', Action: 'deny' },
        { SourceName: '*', DestinationName: 'orders-eu', Permissions: [{}, {}] },
      ],
    },
  })
  made.consul = link
  const { code, out } = await tulle(made, 'explain', 'orders', '/v1/x')
  assert.equal(code, 0, out)
  assert.match(out, /\(in the place of 1 route of Consul's service-router\)/)
  assert.equal(
    line(out, 'connect.timeout'),
    'connect.timeout 5000 consul service-resolver/orders-eu ConnectTimeout',
  )
  assert.equal(
    line(out, 'lookup.service'),
    'lookup.service orders-eu consul service-resolver/orders Redirect',
  )
  assert.match(out, /lookup {2}orders-eu, not orders\n/)
  assert.equal(line(out, 'mtls'), 'mtls strict: there is an identity')
  assert.match(out, /document consul:\/\/tulle\/mesh\.yaml:4 services\.orders\.timeout/)
  assert.match(
    out,
    /who may call\n {2}evil → orders-eu: deny\n {2}\* → orders-eu: 2 permissions on requests\n {2}everybody else: as the ACLs of its agent decide, unless its TULLE_INTENTIONS_DEFAULT does\n/,
  )
  assert.match(
    out,
    /not honoured\n {2}service-resolver\/orders-eu Failover: .*\n {2}\(and 1 of other services\)/,
  )
  assert.deepEqual(link.asked.at(-1)?.query, { by: 'destination', name: 'orders-eu' })
})

test('what cannot be read ends it with what to do; intentions alone are only said', async () => {
  const denied = world(CONSUL)
  denied.consul = agent({
    '/v1/kv/tulle/mesh.yaml': new ConsulRefusal(403, 'Permission denied', 'refused with 403'),
  })
  const first = await tulle(denied, 'explain', 'orders')
  assert.deepEqual(
    [first.code, first.err],
    [1, 'refused with 403\nThe ACL token needs: key "tulle/mesh.yaml" { policy = "read" }\n'],
  )
  const missing = world(CONSUL)
  missing.consul = agent({ '/v1/kv/tulle/mesh.yaml': undefined })
  assert.match((await tulle(missing, 'explain', 'orders')).err, /there is no key tulle\/mesh\.yaml in Consul/)
  const secret = world({ ...CONSUL, TULLE_POLICY: file })
  secret.consul = agent({
    '/v1/connect/intentions/match': new ConsulRefusal(403, 'no', 'refused with 403', 'It needs a rule.'),
  })
  const third = await tulle(secret, 'explain', 'orders')
  assert.equal(third.code, 0)
  assert.match(third.out, /who may call\n {2}cannot be told: refused with 403\. It needs a rule\.\n/)
})

test('how calls are protected is what a service started here would do, and who said so', async () => {
  const strict = join(folder, 'strict.yaml')
  await writeFile(strict, 'version: 1\nservices: { orders: { mtls: strict }, stock: { mtls: disable } }\n')
  const said = async (service: string, env: Record<string, string>) => {
    const asked = world({ TULLE_DISCOVERY: 'consul', TULLE_POLICY: strict, ...env })
    asked.consul = agent({})
    return line((await tulle(asked, 'explain', service)).out, 'mtls')
  }
  assert.equal(await said('web', {}), 'mtls strict: there is an identity')
  assert.match(await said('stock', {}), /^mtls disable: document .*strict\.yaml:2 services\.stock\.mtls$/)
  const permissive = { TULLE_MTLS: 'permissive' }
  assert.equal(await said('stock', permissive), 'mtls permissive: TULLE_MTLS (TULLE_MTLS)')
  assert.match(await said('orders', permissive), /^mtls strict: document /)
  assert.equal(await said('web', { TULLE_MTLS: 'disable' }), 'mtls disable: TULLE_MTLS (TULLE_MTLS)')
})

test('a document or an entry that is refused is told, with exit code 1', async () => {
  const bad = join(folder, 'bad.yaml')
  await writeFile(bad, 'version: 1\nservices: { orders: { timeout: soon } }\n')
  const made = world({ ...CONSUL, TULLE_POLICY: bad })
  made.consul = agent({ '/v1/config/service-resolver': [resolver('orders', { ConnectTimeout: 'soon' })] })
  const { code, out } = await tulle(made, 'explain', 'orders')
  assert.equal(code, 1)
  assert.match(
    out,
    /refused\n {2}services\.orders\.timeout: .*\n {2}service-resolver\/orders: ConnectTimeout: /,
  )
})

test('a question that is none is refused with exit code 2', async () => {
  for (const args of [['Orders!'], ['orders', 'GET', 'x'], ['orders', '--grpc', 'Quote']])
    assert.equal((await tulle(world(), 'explain', ...args)).code, 2, args.join(' '))
})
