import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../src/config.ts'
import type { LifecycleState } from '../src/core/runtime.ts'
import { consulMember } from '../src/member-consul.ts'
import type { LocalMtls } from '../src/member-parts.ts'
import { createParser } from '../src/policy/parse.ts'
import { policyPieces } from '../src/stack.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import type { Cleanup } from './kit/process.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const parse = createParser({ pieces: policyPieces, allowedHosts: [] })
const STRICT: LocalMtls = { outbound: 'strict', inbound: 'strict', written: false }

function member(t: Cleanup, env: Record<string, string>, mtls = STRICT) {
  const deps = { clock: new ManualClock(), wall: () => 0, random: () => 0.5, log }
  const mesh = { plan: () => undefined, state: (): LifecycleState => 'idle' }
  const config = readConfig({ env: { TULLE_SERVICE: 'orders', ...env } })
  const made = consulMember(config, deps, { store: undefined, files: undefined, mtls, mesh })
  t.after(() => made?.close())
  return made
}

const ON_CONSUL = { TULLE_DISCOVERY: 'consul' }
const POLICY = { TULLE_POLICY: 'consul://tulle/mesh.yaml' }

test('who takes nothing from Consul has nothing of it', (t) => {
  assert.equal(member(t, {}), undefined)
  assert.equal(member(t, { TULLE_POLICY: 'mesh.yaml', CONSUL_HTTP_ADDR: 'consul.internal:8500' }), undefined)
})

test('the policy alone may be from Consul: then nobody registers, and nobody is judged', (t) => {
  const made = member(t, { ...POLICY, CONSUL_HTTP_ADDR: 'consul.internal:8500' })
  assert.equal(made?.mesh, undefined)
  assert.deepEqual(made?.health(), { address: 'http://consul.internal:8500', policy: undefined })
  const feed = made?.policyFeed(parse)
  assert.notEqual(feed, undefined)
  assert.deepEqual(made?.health().policy, feed?.status())
})

test('every start follows the policy anew, and health is that of the latest', (t) => {
  const made = member(t, POLICY)
  const first = made?.policyFeed(parse)
  assert.notEqual(made?.policyFeed(parse), first)
})

test('on Consul with a policy from elsewhere there is a mesh and no feed', (t) => {
  const made = member(t, { ...ON_CONSUL, TULLE_POLICY: 'mesh.yaml' })
  assert.equal(made?.policyFeed(parse), undefined)
  assert.notEqual(made?.mesh, undefined)
})
