import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import { isMeshError } from '../../../src/core/errors.ts'
import { ConsulKv } from '../../../src/plane/consul/kv.ts'
import { markOf, PART_BYTES, PARTS, partOf } from '../../../src/plane/consul/parts.ts'
import { ConsulStore } from '../../../src/plane/consul/store.ts'
import { sweep } from '../../../src/plane/consul/sweep.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { storeContract } from '../../contract/store.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import type { Cleanup } from '../../kit/process.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: silent }

let agent: Agent
before(async () => {
  agent = await startAgent({ acl: 'deny' })
})
after(() => agent.stop())

function linkTo(t: Cleanup, address = agent.address, token = agent.token): HttpConsulLink {
  const link = new HttpConsulLink({ address, token, ...world })
  t.after(() => link.close())
  return link
}

async function open(t: Cleanup, prefix = `mesh/${randomUUID()}`, link = linkTo(t)): Promise<ConsulStore> {
  const store = await ConsulStore.open({ link, prefix, ...world })
  t.after(() => store.close())
  return store
}

const prefixOf = (store: ConsulStore): string => store.place.replace(/^consul:\/\/[^/]+\//, '')

let cleanup: Cleanup
storeContract({
  name: 'Consul store',
  open: (t) => {
    cleanup = t
    return open(t)
  },
  reopen: (store) => open(cleanup, prefixOf(store as ConsulStore)),
})

const large = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 3 * PART_BYTES + 17 }, (_, at) => (at * 31 + seed) % 251)

async function keysOf(prefix: string): Promise<string[]> {
  const { json } = await agent.api('GET', `/v1/kv/${prefix}/?keys`)
  return ((json ?? []) as string[]).map((key) => key.slice(prefix.length + 1))
}

test('what is larger than Consul takes is kept in parts, replaced and removed with them', async (t) => {
  const store = await open(t)
  const prefix = prefixOf(store)
  await store.create('policy/1', large(1))
  assert.deepEqual(Buffer.from((await store.read('policy/1')) ?? []), Buffer.from(large(1)))
  assert.equal((await keysOf(prefix)).length, 5)
  assert.deepEqual(await store.list(''), ['policy/1'])
  await store.write('policy/1', large(2))
  assert.deepEqual(Buffer.from((await store.read('policy/1')) ?? []), Buffer.from(large(2)))
  assert.equal((await keysOf(prefix)).length, 5)
  assert.equal(await store.create('policy/1', large(3)), false)
  assert.equal((await keysOf(prefix)).length, 5)
  await store.remove('policy/1')
  assert.deepEqual(await keysOf(prefix), [])
})

test('a part that is missing or changed is a damaged value, never a wrong one', async (t) => {
  const store = await open(t)
  const prefix = prefixOf(store)
  await store.create('a', large(1))
  const [part] = (await keysOf(prefix)).filter((key) => key.startsWith(PARTS))
  await agent.api('PUT', `/v1/kv/${prefix}/${part}`, 'other')
  const damaged = (error: unknown): boolean => isMeshError(error) && error.code === 'TULLE_STATE'
  await assert.rejects(store.read('a'), damaged)
  await agent.api('DELETE', `/v1/kv/${prefix}/${part}`)
  await assert.rejects(store.read('a'), damaged)
})

test('readers of a large value that is replaced all the time see one of them, whole', async (t) => {
  const store = await open(t)
  const other = await open(t, prefixOf(store))
  await store.write('a', large(0))
  let writing = true
  const writer = (async () => {
    for (let i = 1; i <= 20; i++) await store.write('a', large(i))
    writing = false
  })()
  let reads = 0
  while (writing) {
    const found = (await other.read('a')) as Uint8Array
    assert.deepEqual(Buffer.from(found), Buffer.from(large(found[0] as number)))
    reads++
  }
  await writer
  assert.ok(reads > 0)
})

test('what a writing that was broken off has left is swept once it is old, and can never be finished then', async (t) => {
  const store = await open(t)
  const prefix = prefixOf(store)
  const kv = new ConsulKv({ link: linkTo(t), prefix, ...world })
  await store.create('kept', large(1))
  const nonce = 'ab'.repeat(16)
  await kv.put(markOf('broken', nonce), Buffer.from(String(Date.now())))
  await kv.put(partOf('broken', nonce, 0), large(2).subarray(0, 100))
  const orphan = 'cd'.repeat(16)
  await kv.put(partOf('removed', orphan, 0), large(2).subarray(0, 100))
  const { index } = (await kv.get(markOf('broken', nonce)))!
  assert.equal(await sweep(kv, Date.now), 1)
  assert.notEqual(await kv.get(partOf('broken', nonce, 0)), undefined)
  assert.equal(await sweep(kv, () => Date.now() + 2 * 3_600_000), 1)
  assert.equal((await keysOf(prefix)).filter((key) => !key.includes('/kept/')).length, 1)
  assert.deepEqual(Buffer.from((await store.read('kept')) ?? []), Buffer.from(large(1)))
  const late = await kv.commit([
    { verb: 'check-index', key: markOf('broken', nonce), index },
    { verb: 'cas', key: 'broken', index: 0, bytes: Buffer.from('{}'), flags: 1 },
  ])
  assert.deepEqual([late, await store.read('broken')], ['refused', undefined])
})

test('FAULTS 25: a token that may not read or write is said with the rule it needs, and an empty list is not believed', async (t) => {
  const policy = async (rules: string): Promise<string> => {
    const name = randomUUID()
    await agent.api('PUT', '/v1/acl/policy', { Name: name, Rules: rules })
    const { json } = await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name: name }] })
    return json.SecretID as string
  }
  const says = (error: unknown): boolean =>
    isMeshError(error) &&
    error.code === 'TULLE_CONSUL' &&
    error.hint.includes('key_prefix "mesh/" { policy = "write" }')
  await assert.rejects(open(t, 'mesh', linkTo(t, agent.address, '')), says)
  await assert.rejects(open(t, 'mesh', linkTo(t, agent.address, randomUUID())), says)
  const reader = linkTo(t, agent.address, await policy('key_prefix "mesh/" { policy = "read" }'))
  const readonly = await open(t, 'mesh', reader)
  await assert.rejects(readonly.create('a', Buffer.from('x')), says)
  await assert.rejects(readonly.write('a', Buffer.from('x')), says)
  const writer = linkTo(t, agent.address, await policy('key_prefix "mesh/" { policy = "write" }'))
  const store = await open(t, 'mesh', writer)
  assert.equal(await store.create('a', large(1)), true)
  await store.remove('a')
  const blind = linkTo(t, agent.address, await policy('key "mesh/tulle" { policy = "read" }'))
  await assert.rejects((await open(t, 'mesh', blind)).list('policy/'), says)
})

test('FAULTS 20: without an agent opening ends at once, with its address and the cause', async (t) => {
  const link = linkTo(t, 'http://127.0.0.1:1')
  await assert.rejects(ConsulStore.open({ link, prefix: 'tulle', ...world }), (error) => {
    assert.ok(isMeshError(error))
    assert.equal(error.code, 'TULLE_CONSUL')
    assert.match(error.message, /consul:\/\/127\.0\.0\.1:1\/tulle.*connection refused/)
    return true
  })
})
