import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsulRequest } from '../../src/core/consul.ts'
import type { Listener } from '../../src/core/runtime.ts'
import { ConsulRegistrar, type ConsulRegistrarOptions } from '../../src/discovery/consul-registrar.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'

const REGISTER = '/v1/agent/service/register'
const DEREGISTER = '/v1/agent/service/deregister/'
const UPDATE = '/v1/agent/check/update/'
const RULE = 'service "orders" { policy = "write" }'

const at = (port: number, more: Partial<Listener> = {}): Listener => ({
  host: '10.0.0.5',
  port,
  protocol: 'http',
  mtls: 'strict',
  ...more,
})

class Script extends ConsulScript {
  readonly waiting = new Set<() => void>()

  onReachable(listener: () => void): () => void {
    this.waiting.add(listener)
    return () => this.waiting.delete(listener)
  }

  async back(): Promise<void> {
    for (const listener of [...this.waiting]) listener()
    await settled()
  }
}

function world(options: Partial<ConsulRegistrarOptions> = {}, link = new Script()) {
  const clock = new ManualClock()
  const logged: string[] = []
  const say = (line: string) => void logged.push(line)
  const registrar = new ConsulRegistrar({
    link,
    clock,
    random: () => 0.5,
    log: { debug() {}, info: say, warn: say, error: say },
    instance: 'i1',
    service: 'orders',
    meta: { version: 'v1', zone: 'z1', weight: 2 },
    release: '0.1.0',
    hasIdentity: true,
    localAddress: async () => '127.0.0.1',
    ...options,
  })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  /** Answers whatever is asked, one after the other, until nothing is. */
  const served = async (): Promise<void> => {
    for (let open = link.asked.filter((one) => one.open); open.length > 0; ) {
      for (const one of open) await one.answer(null)
      open = link.asked.filter((one) => one.open)
    }
  }
  const listening = async (...listeners: Listener[]): Promise<void> => {
    for (const listener of listeners) registrar.listen(listener)
    await later(0)
    await served()
  }
  const bodies = () => link.all(REGISTER).map(({ request }) => request.body as Record<string, any>)
  return { registrar, link, clock, later, listening, served, bodies, logged }
}

test('a listener is registered at once, with everything callers want to know of it', async () => {
  const { registrar, link, listening, bodies } = world()
  await listening(at(4001))
  assert.deepEqual(link.last(REGISTER).request.query, { 'replace-existing-checks': '1' })
  assert.deepEqual(bodies(), [
    {
      ID: 'orders-i1-4001',
      Name: 'orders',
      Address: '10.0.0.5',
      Port: 4001,
      Meta: { protocol: 'http', weight: '2', version: 'v1', zone: 'z1', tulle: '0.1.0' },
      Weights: { Passing: 2, Warning: 1 },
      EnableTagOverride: false,
      Connect: { Native: true },
      Check: {
        CheckID: 'orders-i1-4001-alive',
        Name: 'tulle: the process says so itself',
        Status: 'passing',
        TTL: '10000ms',
        DeregisterCriticalServiceAfter: '600000ms',
      },
    },
  ])
  assert.deepEqual(registrar.status(), {
    state: 'registered',
    endpoints: ['10.0.0.5:4001'],
    ageMs: 0,
    problem: undefined,
  })
})

test('each listener is an instance, native where it speaks mutual TLS and nowhere else', async () => {
  const { listening, bodies } = world()
  await listening(at(4001), at(4002, { protocol: 'grpc', mtls: 'permissive' }), at(4003, { mtls: 'disable' }))
  assert.deepEqual(
    bodies().map(({ ID, Meta, Connect }) => [ID, Meta.protocol, Connect]),
    [
      ['orders-i1-4001', 'http', { Native: true }],
      ['orders-i1-4002', 'grpc', { Native: true }],
    ],
  )
  const plain = world({ hasIdentity: false })
  await plain.listening(at(4001, { mtls: 'disable' }))
  assert.deepEqual(
    plain.bodies().map(({ ID, Connect }) => [ID, Connect]),
    [['orders-i1-4001', undefined]],
  )
})

test('two addresses with one port are two instances', async () => {
  const { listening, bodies } = world()
  await listening(at(4001), at(4001, { host: '10.0.0.6' }))
  assert.deepEqual(
    bodies().map(({ ID, Address }) => [ID, Address]),
    [
      ['orders-i1-4001', '10.0.0.5'],
      ['orders-i1-4001-1', '10.0.0.6'],
    ],
  )
})

test('the check is fed every third of its time to live, give or take a tenth', async () => {
  for (const [chance, due] of [
    [0, 3000],
    [1, 3667],
  ] as const) {
    const { link, later, listening, served } = world({ random: () => chance })
    await listening(at(4001), at(4002))
    await later(due - 1)
    assert.equal(link.all(UPDATE).length, 0)
    await later(1)
    await served()
    assert.deepEqual(
      link.all(UPDATE).map(({ request }) => [request.method, request.path, request.body]),
      ['4001', '4002'].map((port) => [
        'PUT',
        `${UPDATE}orders-i1-${port}-alive`,
        { Status: 'passing', Output: 'ready' },
      ]),
    )
  }
})

test('it says warning where the event loop stalls again and again, critical where the process says so', async () => {
  let delayMs = 0
  let draining = false
  const { link, later, listening, served, logged } = world({
    loopDelay: () => delayMs,
    health: () =>
      draining ? { status: 'critical', output: 'draining' } : { status: 'passing', output: 'ready' },
  })
  await listening(at(4001))
  const told: unknown[] = []
  for (const ms of [0, 300, 0, 300, 300, 900, 0, 0, 300, 0, 0, 0, 250]) {
    delayMs = ms
    await later(3334)
    await served()
    told.push((link.last(UPDATE).request.body as { Status: string }).Status)
  }
  const p = 'passing'
  const w = 'warning'
  assert.deepEqual(told, [p, p, p, p, w, w, w, w, w, w, w, p, p])
  draining = true
  await later(3334)
  assert.deepEqual(link.last(UPDATE).request.body, { Status: 'critical', Output: 'draining' })
  assert.deepEqual(logged.slice(1), [
    'tells Consul: warning, the event loop stalls for more than 250 ms again and again',
    'tells Consul: passing, ready',
    'tells Consul: critical, draining',
  ])
})

for (const [status, words] of [
  [500, 'CheckID "orders-i1-4001-alive" does not have associated TTL'],
  [500, 'Unknown check "orders-i1-4001-alive"'],
  [404, 'Unknown check ID "orders-i1-4001-alive". Ensure that the check ID is passed, not the check name.'],
] as const)
  test(`an agent that forgot us is told everything again at once: ${status} ${words.slice(0, 20)}`, async () => {
    const { registrar, link, later, listening, served } = world()
    await listening(at(4001))
    await later(3334)
    await link.last(UPDATE).refuse(status, words)
    await later(0)
    assert.equal(link.all(REGISTER).length, 2)
    await served()
    assert.equal(registrar.status().state, 'registered')
  })

test('FAULTS 27: what else the agent refuses is no reason to register anew', async () => {
  const { registrar, link, clock, later, listening } = world({ random: () => 1 })
  await listening(at(4001))
  await later(3667)
  const waits: number[] = []
  for (let n = 0; n < 6; n++) {
    await link.last(UPDATE).refuse(500, 'rpc error: No cluster leader')
    waits.push(clock.next!)
    await later(clock.next!)
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 4000])
  assert.equal(link.all(REGISTER).length, 1)
  assert.match(registrar.status().problem ?? '', /No cluster leader/)
})

test('an agent that asks by itself is asked every 30 s whether it still knows us', async () => {
  const { link, later, listening } = world({ check: 'http', healthPort: () => 9000 })
  await listening(at(4001))
  await later(29_999)
  assert.equal(link.asked.length, 1)
  await later(1)
  assert.equal(link.last().request.path, '/v1/agent/service/orders-i1-4001')
  await link.last().answer({ ID: 'orders-i1-4001' })
  await later(30_000)
  await link.last().absent()
  await later(0)
  assert.equal(link.all(REGISTER).length, 2)
})

test('the agent asks the health port at the address by which it reaches this process', async () => {
  for (const [local, url] of [
    ['10.0.0.7', 'http://10.0.0.7:9000/readyz'],
    ['::1', 'http://[::1]:9000/readyz'],
    [undefined, 'http://127.0.0.1:9000/readyz'],
  ] as const) {
    const { listening, bodies } = world({
      check: 'http',
      healthPort: () => 9000,
      localAddress: async () => local,
    })
    await listening(at(4001))
    const { HTTP, Interval, Timeout, TTL } = bodies()[0]!.Check
    assert.deepEqual([HTTP, Interval, Timeout, TTL], [url, '5000ms', '2000ms', undefined])
  }
})

test('a health port that is not open yet is waited for', async () => {
  let port: number | undefined
  const { registrar, listening, later, bodies } = world({ check: 'http', healthPort: () => port })
  await listening(at(4001))
  assert.match(registrar.status().problem ?? '', /health port, which the check asks, is not open yet/)
  port = 9000
  await later(250)
  assert.equal(bodies().length, 1)
})

test('a gRPC check asks the listener itself, and listeners of HTTP feed theirs', async () => {
  const { listening, bodies } = world({ check: 'grpc' })
  await listening(
    at(4001, { protocol: 'grpc', mtls: 'permissive', host: '0.0.0.0' }),
    at(4002, { protocol: 'grpc', mtls: 'permissive' }),
    at(4003),
  )
  assert.deepEqual(
    bodies().map(({ Check: { GRPC, TTL } }) => [GRPC, TTL]),
    [
      ['127.0.0.1:4001', undefined],
      ['10.0.0.5:4002', undefined],
      [undefined, '10000ms'],
    ],
  )
})

test('a check that could not work is refused in a sentence that names another', async () => {
  assert.throws(() => world({ check: 'grpc', inboundMtls: 'strict' }), {
    code: 'TULLE_CONFIG',
    message: /no certificate of the mesh: take the kind ttl, or http with TULLE_HEALTH_PORT/,
  })
  assert.throws(() => world({ check: 'http' }), {
    code: 'TULLE_CONFIG',
    message: /there is none: set TULLE_HEALTH_PORT, or take the kind ttl/,
  })
  const { registrar, link, later } = world({ check: 'grpc', inboundMtls: 'permissive' })
  registrar.listen(at(4001, { protocol: 'grpc', mtls: 'strict' }))
  await later(0)
  assert.equal(link.asked.length, 0)
  assert.match(registrar.status().problem ?? '', /no certificate of the mesh/)
})

test('deregistration of what stays critical: never, as asked, at least a minute', async () => {
  for (const [ms, text] of [
    [0, undefined],
    [1000, '60000ms'],
    [90_000, '90000ms'],
  ] as const) {
    const { listening, bodies } = world({ deregisterAfterMs: ms })
    await listening(at(4001))
    assert.equal(bodies()[0]!.Check.DeregisterCriticalServiceAfter, text)
  }
})

test('weights that Consul does not take are cut to those it does; meta has them as they are', async () => {
  for (const [weight, passing, warning] of [
    [0.25, 1, 1],
    [2.6, 3, 1],
    [1e6, 65_535, 32_767],
  ] as const) {
    const { listening, bodies } = world({ meta: { weight } })
    await listening(at(4001))
    assert.deepEqual(bodies()[0]!.Weights, { Passing: passing, Warning: warning })
    assert.deepEqual(bodies()[0]!.Meta, { protocol: 'http', weight: String(weight), tulle: '0.1.0' })
  }
})

test('on an agent of this machine a listener on any address has the address of the node', async () => {
  for (const local of ['127.0.0.1', '::1']) {
    const { registrar, link, later, served } = world({ localAddress: async () => local })
    registrar.listen(at(4001, { host: '0.0.0.0' }))
    await later(0)
    assert.equal(link.last().request.path, '/v1/agent/self')
    await link.last().answer({ Member: { Addr: '10.1.2.3', Status: 1 } })
    await served()
    const { Address, Port } = link.last(REGISTER).request.body as Record<string, unknown>
    assert.deepEqual([Address, Port], ['', 4001])
    assert.deepEqual(registrar.status().endpoints, ['10.1.2.3:4001'])
  }
})

test('a token that may not see the node registers all the same', async () => {
  const { registrar, link, later, served } = world()
  registrar.listen(at(4001, { host: '::' }))
  await later(0)
  await link.last('/v1/agent/self').refuse(403)
  await served()
  assert.deepEqual(registrar.status().endpoints, ['<node>:4001'])
  assert.equal(registrar.status().state, 'registered')
})

test('what an agent elsewhere is reached from is the address there', async () => {
  const { listening, bodies } = world({ localAddress: async () => '10.0.0.7' })
  await listening(at(4001, { host: '::' }))
  assert.equal(bodies()[0]!.Address, '10.0.0.7')
  const unknown = world({ localAddress: async () => undefined })
  await unknown.listening(at(4001, { host: '::' }))
  assert.match(unknown.registrar.status().problem ?? '', /port 4001 at: set TULLE_ADVERTISE/)
  assert.equal(unknown.link.asked.length, 0)
})

test('an agent on a unix socket is on this machine', async () => {
  const script = new Script()
  const link = {
    address: 'unix:///run/consul.sock',
    send: (request: ConsulRequest) => script.send(request),
  }
  const { listening, bodies } = world({ link, localAddress: () => assert.fail('asked') }, script)
  await listening(at(4001, { host: '0.0.0.0' }))
  assert.equal(bodies()[0]!.Address, '')
})

test('what is advertised stands, and is no address only where it is none', async () => {
  for (const [advertise, host, expected] of [
    ['orders.internal', '0.0.0.0', 'orders.internal:4001'],
    ['orders.internal:80', '0.0.0.0', 'orders.internal:80'],
    [':80', '10.0.0.5', '10.0.0.5:80'],
    ['fe80::1', '::', '[fe80::1]:4001'],
  ] as const) {
    const { registrar, listening } = world({ advertise })
    await listening(at(4001, { host }))
    assert.deepEqual(registrar.status().endpoints, [expected])
  }
  assert.throws(() => world({ advertise: 'http://orders' }), { code: 'TULLE_CONFIG' })
})

test('several listeners behind one advertised port are one instance, and that is said once', async () => {
  const { listening, bodies, logged } = world({ advertise: 'edge.internal:443' })
  await listening(at(4001), at(4002))
  await listening(at(4003))
  assert.deepEqual([...new Set(bodies().map(({ ID }) => ID))], ['orders-i1-443'])
  assert.equal(logged.filter((line) => /registered as one endpoint, edge\.internal:443/.test(line)).length, 1)
})

test('a listener less is deregistered, and the others stay', async () => {
  const { registrar, link, later, listening, served } = world()
  const second = at(4002)
  await listening(at(4001), second)
  registrar.leave(second)
  await later(0)
  await served()
  assert.deepEqual(
    link.all(DEREGISTER).map(({ request }) => request.path),
    [`${DEREGISTER}orders-i1-4002`],
  )
  assert.deepEqual(registrar.status().endpoints, ['10.0.0.5:4001'])
  await later(3334)
  await served()
  assert.equal(link.all(UPDATE).length, 1)
})

test('requests never overtake one another: a late registration would undo the deregistration', async () => {
  const { registrar, link, later, clock } = world()
  registrar.listen(at(4001))
  registrar.listen(at(4002))
  await later(0)
  const left = registrar.deregister()
  await settled()
  assert.deepEqual(
    link.asked.map(({ request }) => request.path),
    [REGISTER],
  )
  await link.last().answer(null)
  assert.equal(link.last().request.path, `${DEREGISTER}orders-i1-4001`)
  await link.last().answer(null)
  await left
  registrar.listen(at(4003))
  await later(60_000)
  assert.equal(link.asked.length, 2)
  assert.equal(clock.armed, 0)
  assert.equal(link.waiting.size, 0)
  assert.equal(registrar.status().state, 'left')
})

test('an agent that hangs holds no drain up for more than a second', async () => {
  const { registrar, link, clock, later, listening } = world()
  await listening(at(4001))
  await later(3334)
  const left = registrar.deregister()
  clock.advance(1000)
  await left
  assert.match(registrar.status().problem ?? '', /no answer within 1000 ms/)
  assert.equal(clock.armed, 0)
  await link.last(UPDATE).fail()
})

test('what the agent does not know any more is deregistered', async () => {
  const { registrar, link, listening } = world()
  await listening(at(4001))
  const left = registrar.deregister()
  await settled()
  await link.last(DEREGISTER).refuse(500, 'Unknown service {"orders-i1-4001" {}}')
  await left
  assert.equal(registrar.status().problem, undefined)
})

test('a deregistration that is refused keeps no other, and is a problem', async () => {
  const { registrar, link, listening } = world()
  await listening(at(4001), at(4002), at(4003))
  const left = registrar.deregister()
  await settled()
  const [first, second, third] = link.all(DEREGISTER)
  await second?.refuse(403)
  await third?.answer(null)
  await first?.answer(null)
  await left
  assert.match(registrar.status().problem ?? '', /Permission denied/)
})

test('FAULTS 25: a refused token is told with the rule it lacks, once, and asked with again', async () => {
  const { registrar, link, later, logged, served } = world()
  registrar.listen(at(4001))
  await later(0)
  await link.last(REGISTER).refuse(403, 'Permission denied: Missing service:write on orders')
  await later(250)
  await link.last(REGISTER).refuse(403, 'Permission denied: Missing service:write on orders')
  assert.equal(logged.length, 1)
  assert.ok(logged[0]?.endsWith(`the token lacks the rule ${RULE}`), logged[0])
  assert.equal(registrar.status().state, 'registering')
  await later(500)
  await link.last(REGISTER).refuse(403, 'ACL not found')
  assert.ok(
    registrar
      .status()
      .problem?.endsWith(`the agent knows no such token; registration takes one with the rule ${RULE}`),
  )
  await later(4000)
  await served()
  assert.equal(registrar.status().problem, undefined)
})

test('FAULTS 20: an agent that is back, or a new token, is told everything at once', async () => {
  const { registrar, link, later, listening, served } = world()
  registrar.listen(at(4001))
  for (let n = 0; n < 8; n++) {
    await later(4000)
    if (link.last().open) await link.last().fail()
  }
  const before = link.all(REGISTER).length
  await link.back()
  await later(0)
  assert.equal(link.all(REGISTER).length, before + 1)
  await served()
  assert.equal(registrar.status().state, 'registered')
  await link.back()
  await later(0)
  await served()
  assert.equal(link.all(REGISTER).length, before + 2)
  await listening(at(4002))
  assert.deepEqual(registrar.status().endpoints, ['10.0.0.5:4001', '10.0.0.5:4002'])
})

test('names that need it are escaped in paths', async () => {
  const { link, listening, later } = world({ service: 'a/b c' })
  await listening(at(4001))
  await later(3334)
  assert.equal(link.last().request.path, `${UPDATE}a%2Fb%20c-i1-4001-alive`)
})
