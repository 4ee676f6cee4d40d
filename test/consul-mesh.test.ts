import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../src/config.ts'
import { consulMesh } from '../src/consul-mesh.ts'
import type { LifecycleState } from '../src/core/runtime.ts'
import { DeferredIdentity } from '../src/deferred-identity.ts'
import type { LocalMtls } from '../src/member-parts.ts'
import { compile } from '../src/policy/compile.ts'
import { createParser } from '../src/policy/parse.ts'
import { policyPieces } from '../src/stack.ts'
import { ManualClock } from '../src/testing/manual-clock.ts'
import { ConsulScript } from './kit/consul-script.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const STRICT: LocalMtls = { outbound: 'strict', inbound: 'strict', written: false }
const PLAIN: LocalMtls = { outbound: 'disable', inbound: 'disable', written: true }
const parse = createParser({ pieces: policyPieces, allowedHosts: [] })

interface Given {
  readonly mtls?: LocalMtls
  readonly files?: DeferredIdentity
  readonly services?: object
}

function world({ mtls = STRICT, files, services = {} }: Given = {}) {
  const link = new ConsulScript()
  const deps = { clock: new ManualClock(), wall: () => 0, random: () => 0.5, log }
  const { document } = parse({ name: 'mesh.yaml', version: '1', value: { version: 1, services } })
  assert.ok(document)
  const { snapshot } = compile([document], policyPieces, { version: '1' })
  const words = {
    plan: (name: string) => snapshot.services.get(name),
    state: (): LifecycleState => 'ready',
  }
  const config = readConfig({ env: { TULLE_SERVICE: 'web', TULLE_DISCOVERY: 'consul' } })
  const mesh = consulMesh(link, config, deps, { store: undefined, files, mtls, mesh: words })
  return {
    mesh,
    link,
    /** What is asked for the endpoints of a service. */
    async lookup(service: string) {
      const stop = mesh.source.watch(
        service,
        () => {},
        () => {},
      )
      const { request } = link.last('/v1/health/')
      stop()
      await mesh.source.close()
      return request
    },
  }
}

test('on Connect who calls is judged, and certificates are Connect’s', () => {
  const { mesh } = world()
  assert.notEqual(mesh.identity, undefined)
  assert.equal(
    mesh.authorizer?.judge({ peer: undefined, method: 'GET', path: '/', header: () => [] }).allowed,
    false,
  )
  assert.deepEqual(
    mesh.parts.map(({ name }) => name),
    ['event loop delay', 'consul-entries and intentions'],
  )
})

test('certificates from files are not asked of Connect, and their callers are judged all the same', () => {
  const files = new DeferredIdentity(() => assert.fail('loaded'))
  const { mesh } = world({ files })
  assert.equal(mesh.identity, undefined)
  assert.notEqual(mesh.authorizer, undefined)
})

test('without TLS in either direction nobody is known, so nobody is judged', () => {
  const { mesh } = world({ mtls: PLAIN })
  assert.deepEqual([mesh.identity, mesh.authorizer], [undefined, undefined])
  assert.deepEqual(
    mesh.parts.map(({ name }) => name),
    ['event loop delay', 'consul-entries'],
  )
})

test('where TLS is strict only what speaks Connect is looked for, else every instance', async () => {
  assert.equal((await world().lookup('orders')).path, '/v1/health/connect/orders')
  assert.equal((await world({ mtls: PLAIN }).lookup('orders')).path, '/v1/health/service/orders')
})

test('policy says where a service is looked for, and may make its TLS stricter', async () => {
  const lookup = { service: 'orders-next', datacenter: 'dc2', filter: 'Service.Meta.version == "2"' }
  const { path, query } = await world({ services: { orders: { lookup } } }).lookup('orders')
  assert.equal(path, '/v1/health/connect/orders-next')
  assert.deepEqual([query?.dc, query?.filter], ['dc2', lookup.filter])
  const strict = await world({ mtls: PLAIN, services: { orders: { mtls: 'strict' } } }).lookup('orders')
  assert.equal(strict.path, '/v1/health/connect/orders')
})
