import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Assembly } from '../src/assembly.ts'
import type { Listener } from '../src/core/runtime.ts'
import { healthOf } from '../src/health.ts'

interface Parts {
  readonly state?: string
  readonly refused?: string[]
  readonly problems?: string[]
  /** What the identity says is wrong; undefined: there is an identity, and nothing is. */
  readonly identity?: { readonly problem?: string } | false
  readonly tls?: boolean
  readonly listeners?: Listener[]
  readonly plane?: object
  readonly views?: object[]
  readonly follows?: string[]
}

const REGISTRATION = { state: 'registered', endpoints: [], ageMs: 0, problem: undefined }
const listener = (port: number, mtls: Listener['mtls']): Listener => ({
  host: '0.0.0.0',
  port,
  protocol: 'http',
  mtls,
})

function health(parts: Parts = {}) {
  const { state = 'ready', refused = [], problems = [], identity = {}, tls = true } = parts
  const { listeners = [], plane, views = [], follows = [] } = parts
  const { policy, endpoints, registration = REGISTRATION } = (plane ?? {}) as Record<string, object>
  const assembly = {
    config: { service: 'orders' },
    lifecycle: { state },
    endpoints: { view: () => views },
    policies: { refused },
    addresses: { problems, follows: (service: string) => follows.includes(service) },
    runtime: {
      servers: [...listeners.map((each) => ({ listener: each })), { listener: undefined }],
      snapshot: { version: 'v1' },
      identity: tls ? {} : undefined,
    },
    gate: { inFlight: 3 },
    member: {
      planes: plane ? ['https://plane.test:7400'] : [],
      identity: identity === false ? undefined : { health: () => ({ problem: identity.problem }) },
      followed: () => policy && { status: () => policy },
      registry: endpoints && { status: () => endpoints },
      registrar: plane && { status: () => registration },
    },
  }
  return healthOf(assembly as unknown as Assembly)
}

test('a mesh that lacks nothing is well once it is ready, and says how it is served', () => {
  const listeners = [listener(4001, 'strict')]
  const good = health({ listeners })
  assert.deepEqual([good.ok, good.degraded, good.notes, good.inFlight], [true, [], [], 3])
  assert.deepEqual(good.listeners, listeners)
  assert.equal(health({ state: 'draining' }).ok, false)
  assert.equal(health({ identity: false }).identity, undefined)
})

test('everything that is degraded is one sentence that says of what it is', () => {
  const { ok, degraded } = health({
    refused: ['a.yaml:1: wrong'],
    problems: ['stock: no plane'],
    identity: { problem: 'expired' },
  })
  assert.equal(ok, false)
  assert.deepEqual(degraded, ['policy: a.yaml:1: wrong', 'discovery: stock: no plane', 'identity: expired'])
})

test('what goes on without the plane is named with its source and its age', () => {
  const plane = {
    policy: { source: 'kept', sequence: 4, ageMs: 61_400, problem: 'it is down' },
    endpoints: { source: 'none', ageMs: undefined, problem: 'it is down' },
    registration: { ...REGISTRATION, problem: 'it is down' },
  }
  assert.deepEqual(health({ plane }).degraded, [
    'policy (from kept, 61 s old): it is down',
    'endpoints: it is down',
    'registration: it is down',
  ])
  assert.deepEqual(health({ plane, state: 'idle' }).degraded, [], 'nothing was asked yet')
  assert.deepEqual(health({ plane }).plane?.urls, ['https://plane.test:7400'])
  assert.equal(health().plane, undefined)
})

test('a plaintext listener beside an identity is a public door, and named as one', () => {
  const listeners = [listener(4001, 'strict'), listener(8080, 'disable'), listener(4002, 'permissive')]
  assert.deepEqual(health({ listeners }).notes, [
    '0.0.0.0:8080 is a public door: plaintext, no peer is verified there',
  ])
  assert.equal(health({ listeners }).ok, true, 'it is meant so')
  assert.deepEqual(health({ listeners, tls: false }).notes, [], 'where all is plaintext no door is another')
})

test('services that somebody waits for, that nobody serves, or whose endpoints ail are complained of', () => {
  const view = { service: 'a', ready: true, known: 2, available: 2, panic: false, endpoints: [] }
  const views = [
    { ...view, service: 'waited', ready: false },
    { ...view, service: 'ignored', ready: false },
    { ...view, service: 'empty', known: 0 },
    { ...view, service: 'ailing', available: 1, panic: true },
    view,
  ]
  const { degraded, services } = health({ views, follows: ['waited'] })
  assert.deepEqual(degraded, [
    'waited: no endpoint set has arrived yet',
    'empty: no endpoint is known',
    'ailing: only 1 of 2 endpoints are healthy, so all are used',
  ])
  assert.deepEqual(
    services.map(({ service }) => service),
    ['waited', 'empty', 'ailing', 'a'],
  )
  assert.ok(!('endpoints' in services[0]!))
})
