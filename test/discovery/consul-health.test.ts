import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JudgeContext, judge, says } from '../../src/discovery/consul-health.ts'
import { lookupOf } from '../../src/discovery/consul-lookup.ts'
import type { LookupParams } from '../../src/policy/lookup.ts'
import { type EntryOptions, healthEntry } from '../kit/consul-entry.ts'

const mistake = (path: readonly PropertyKey[], what: string) => new Error(`${path.join('.')}: ${what}`)
const context = (params: Partial<LookupParams> = {}, connect = true): JudgeContext => ({
  name: 'orders',
  lookup: lookupOf('orders', params, connect),
  now: () => 0,
})
const specOf = (options: EntryOptions = {}, connect = true, params: Partial<LookupParams> = {}) =>
  judge(healthEntry(8080, options), context(params, connect), mistake).spec

test('an instance is where its service says, or else where its node is', () => {
  assert.equal(specOf()?.address, '10.0.0.1')
  assert.equal(specOf({ address: '' })?.address, '10.0.0.9')
  assert.equal(specOf({ address: 'orders-1.internal' })?.address, 'orders-1.internal')
  assert.equal(specOf({ address: '2001:db8::1' })?.address, '2001:db8::1')
  assert.throws(() => specOf({ address: '', nodeAddress: '' }), /Service\.Address: "" is not an address/)
  assert.throws(() => specOf({ address: '10.0.0.1/x' }), /is not an address/)
})

test('critical instances and those under maintenance are left out, warning ones only with onlyPassing', () => {
  assert.equal(specOf({ status: 'critical' }), undefined)
  assert.equal(specOf({ status: 'maintenance' }), undefined)
  assert.notEqual(specOf({ status: 'warning' }), undefined)
  assert.equal(specOf({ status: 'warning' }, true, { onlyPassing: true }), undefined)
  assert.notEqual(specOf({ status: 'passing' }, true, { onlyPassing: true }), undefined)
})

test('the weight is that of the state it is in, finer where a tulle registration says so', () => {
  const weights = { Passing: 5, Warning: 2 }
  assert.equal(specOf({ weights })?.weight, 5)
  assert.equal(specOf({ weights, status: 'warning' })?.weight, 2)
  assert.equal(specOf({ weights: { Passing: 5, Warning: 0 }, status: 'warning' }), undefined)
  assert.equal(specOf({ weights: null })?.weight, 1)
  assert.equal(specOf({ weights: { Passing: 3, Warning: 1 }, meta: { weight: '2.6' } })?.weight, 2.6)
  assert.equal(specOf({ meta: { weight: '0.25' } })?.weight, 0.25)
  assert.equal(
    specOf({ meta: { weight: '0.25' }, status: 'warning' })?.weight,
    0.25,
    'a warning does not raise it',
  )
  assert.equal(specOf({ weights, meta: { weight: '100' } })?.weight, 5, "an operator's word is the last")
  for (const weight of ['NaN', 'Infinity', '-1', '0', '1e9', 'heavy', ''])
    assert.equal(specOf({ weights, meta: { weight } })?.weight, 5, weight)
})

test('version, zone and protocol come from meta, what else stands there is handed on with the tags', () => {
  const spec = specOf({
    meta: { version: '2', zone: 'a', protocol: 'grpc', weight: '1', team: 'shop' },
    tags: ['blue', 'canary'],
  })
  assert.deepEqual([spec?.version, spec?.zone, spec?.protocol], ['2', 'a', 'grpc'])
  assert.deepEqual({ ...spec?.meta }, { team: 'shop', tags: 'blue,canary' })
  assert.equal(specOf({ meta: { protocol: 'tcp', zone: '', version: 'x'.repeat(129) } })?.protocol, undefined)
  assert.equal(specOf({ meta: { zone: '' } })?.zone, undefined)
  assert.equal(specOf({ meta: { version: 'x'.repeat(129) } })?.version, undefined)
  assert.equal(specOf({ meta: { version: '2' } })?.meta, undefined, 'nothing is kept of nothing')
  assert.equal(specOf({ meta: { tags: 'own' }, tags: ['a'] })?.meta?.tags, 'own')
})

test('meta is bounded and has no prototype', () => {
  const meta = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}')
  const spec = specOf({ meta })
  assert.deepEqual(Object.keys(spec?.meta ?? {}), ['constructor', 'toString'])
  assert.equal(Object.getPrototypeOf(spec?.meta), null)
  assert.equal(specOf({ meta: { zone: 'a' } })?.meta?.constructor, undefined)
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`key${n}`, 'v']))
  assert.equal(Object.keys(specOf({ meta: many })?.meta ?? {}).length, 64)
  assert.equal(specOf({ meta: { long: 'x'.repeat(513), ['k'.repeat(129)]: 'v' } })?.meta, undefined)
})

test('where mutual TLS is asked for, only native instances and proxies for this very service are called', () => {
  assert.equal(specOf({ native: true })?.mtls, 'strict')
  assert.equal(specOf({ native: false, kind: 'connect-proxy', destination: 'orders' })?.mtls, 'strict')
  assert.equal(specOf({ native: false, kind: 'connect-proxy', destination: 'stock' }), undefined)
  assert.equal(specOf({ native: false }), undefined)
  assert.equal(specOf({ native: true, kind: 'terminating-gateway' }), undefined)
})

test('SECURITY: plaintext is believed of the flag of the registry, never of what an instance says in meta', () => {
  assert.equal(specOf({ native: false }, false)?.mtls, 'disable')
  assert.equal(specOf({ native: false, meta: { mtls: 'strict', Native: 'true' } }, false)?.mtls, 'disable')
  assert.equal(specOf({ native: true, meta: { mtls: 'disable' } }, false)?.mtls, 'strict')
})

test('FAULTS 26: port 0 and 70000, wrong types and weights that are none are refused with their place', () => {
  const cases: readonly [EntryOptions | ((entry: any) => void), RegExp][] = [
    [{ port: 0 }, /^Service\.Port: /],
    [{ port: 70_000 }, /^Service\.Port: /],
    [{ port: '8080' }, /^Service\.Port: /],
    [{ port: 80.5 }, /^Service\.Port: /],
    [{ weights: { Passing: Number.NaN, Warning: 1 } }, /^Service\.Weights\.Passing: /],
    [{ weights: { Passing: '5', Warning: 1 } }, /^Service\.Weights\.Passing: /],
    [{ weights: { Passing: 1, Warning: -1 } }, /^Service\.Weights\.Warning: /],
    [{ meta: { zone: 5 } }, /^Service\.Meta\.zone: /],
    [{ tags: 'blue' }, /^Service\.Tags: /],
    [{ tags: [1] }, /^Service\.Tags\.0: /],
    [{ status: 'fine' }, /^Checks\.1\.Status: /],
    [(entry) => Object.assign(entry, { Checks: {} }), /^Checks: /],
    [(entry) => Object.assign(entry, { Service: null }), /^Service: /],
    [(entry) => delete entry.Node, /^Node: /],
    [(entry) => delete entry.Service.ID, /^Service\.ID: /],
    [(entry) => Object.assign(entry.Service, { Connect: { Native: 'true' } }), /^Service\.Connect\.Native: /],
  ]
  for (const [what, place] of cases) {
    const entry = healthEntry(8080, typeof what === 'function' ? {} : what)
    if (typeof what === 'function') what(entry)
    assert.throws(() => judge(entry, context(), mistake), { message: place }, String(place))
  }
})

test('what a newer Consul says besides is tolerated', () => {
  const entry = healthEntry(8080)
  Object.assign(entry, { Locality: { Region: 'r' } })
  Object.assign(entry.Service, { Namespace: 'default', Partition: 'default', PeerName: '', SocketPath: '' })
  Object.assign(entry.Service.Connect, { PeerMeta: {} })
  Object.assign(entry.Checks[0], { Interval: '', ExposedPort: 0 })
  assert.equal(judge(entry, context(), mistake).spec?.port, 8080)
})

test('what is said again is known again; any difference that counts is seen', () => {
  const options: EntryOptions = {
    meta: { zone: 'a', version: '2' },
    tags: ['a'],
    weights: { Passing: 2, Warning: 1 },
  }
  const before = judge(healthEntry(8080, options), context(), mistake)
  const again = healthEntry(8080, options)
  again.Checks[0].Output = 'another text'
  assert.ok(says(again, before))
  const changes: ((entry: any) => void)[] = [
    (entry) => Object.assign(entry.Service, { Port: 1 }),
    (entry) => Object.assign(entry.Service, { Port: '8080' }),
    (entry) => Object.assign(entry.Service, { Address: '10.9.9.9' }),
    (entry) => Object.assign(entry.Service, { ID: 'other' }),
    (entry) => Object.assign(entry.Service, { Kind: 'connect-proxy' }),
    (entry) => Object.assign(entry.Service, { ModifyIndex: 99 }),
    (entry) => Object.assign(entry.Service, { Connect: {} }),
    (entry) => Object.assign(entry.Service, { Connect: 'native' }),
    (entry) => Object.assign(entry.Service, { Proxy: [] }),
    (entry) => Object.assign(entry.Service, { Weights: { Passing: 3, Warning: 1 } }),
    (entry) => Object.assign(entry.Service, { Weights: null }),
    (entry) => Object.assign(entry.Service.Meta, { zone: 'b' }),
    (entry) => Object.assign(entry.Service.Meta, { more: 'x' }),
    (entry) => Object.assign(entry.Service, { Meta: null }),
    (entry) => entry.Service.Tags.push('b'),
    (entry) => Object.assign(entry.Service, { Tags: ['b'] }),
    (entry) => Object.assign(entry.Node, { Node: 'n2' }),
    (entry) => Object.assign(entry.Node, { Address: '10.0.0.8' }),
    (entry) => Object.assign(entry.Node, { Datacenter: 'dc2' }),
    (entry) => Object.assign(entry.Checks[1], { Status: 'warning' }),
    (entry) => Object.assign(entry.Checks[1], { Status: 'fine' }),
    (entry) => Object.assign(entry, { Checks: 'passing' }),
    (entry) => Object.assign(entry, { Node: null }),
  ]
  for (const change of changes) {
    const entry = structuredClone(healthEntry(8080, options))
    change(entry)
    assert.equal(says(entry, before), false, String(change))
  }
  for (const nothing of [null, undefined, 5, 'x', []]) assert.equal(says(nothing, before), false)
})
