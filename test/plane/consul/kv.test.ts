import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeshError } from '../../../src/core/errors.ts'
import { ConsulKv } from '../../../src/plane/consul/kv.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { ConsulScript } from '../../kit/consul-script.ts'
import { settled } from '../../kit/fake-link.ts'

const b64 = (text: string): string => Buffer.from(text).toString('base64')
const entry = (text: string, index = 7): object => ({ Value: b64(text), Flags: 0, ModifyIndex: index })

function world() {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const kv = new ConsulKv({ link, prefix: 'tulle', clock, random: () => 1 })
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  return { link, clock, kv, later }
}

const rejection = async (promise: Promise<unknown>): Promise<MeshError> => {
  const error = await promise.then(
    () => assert.fail('it resolved'),
    (reason: MeshError) => reason,
  )
  assert.equal(error.code, 'TULLE_CONSUL')
  return error
}

test('a value is read from the leader, with the index it stands at', async () => {
  const { link, kv } = world()
  const found = kv.get('a/b')
  const { request } = link.last()
  assert.deepEqual([request.path, request.consistency], ['/v1/kv/tulle/a/b', 'default'])
  await link.last().answer([entry('x')])
  assert.deepEqual(await found, { bytes: Buffer.from('x'), flags: 0, index: 7 })
  const none = kv.get('none')
  await link.last().absent()
  assert.equal(await none, undefined)
})

test('FAULTS 20: an agent that cannot be reached is told apart from servers without a leader', async () => {
  const { link, kv } = world()
  const away = rejection(kv.get('a'))
  await link.last().fail()
  const { message, hint } = await away
  assert.match(message, /^the plane's state in consul:\/\/127\.0\.0\.1:8500\/tulle: no Consul agent at/)
  assert.match(`${hint}`, /Is CONSUL_HTTP_ADDR right, the agent running/)
  const leaderless = rejection(kv.get('a'))
  await link.last().refuse(500, 'No cluster leader')
  assert.match(`${(await leaderless).hint}`, /its servers have a leader/)
})

test('FAULTS 26: what is no entry is refused, with where it came from', async () => {
  for (const body of [{}, [], [{ Value: '§', Flags: 0, ModifyIndex: 1 }], [{ Value: '', Flags: 0 }]]) {
    const { link, kv } = world()
    const found = rejection(kv.get('a'))
    await link.last().answer(body)
    assert.match((await found).message, /^consul:\/\/127\.0\.0\.1:8500\/tulle: an answer that is none/)
  }
})

test('FAULTS 25: a list of keys without any is believed only where a key may be read', async () => {
  const { link, kv } = world()
  const seen = kv.keys('policy/')
  await link.last().answer([])
  assert.equal(link.last().request.path, '/v1/kv/tulle/policy/x')
  await link.last().absent()
  assert.deepEqual(await seen, [])
  const blind = rejection(kv.keys('policy/'))
  await link.last().absent()
  await link.last().refuse(403)
  assert.match((await blind).hint, /key_prefix "tulle\/" \{ policy = "write" \}/)
})

test('a transaction says what each operation stands on', async () => {
  const { link, kv } = world()
  const committed = kv.commit([
    { verb: 'get', key: 'over' },
    { verb: 'check-index', key: 'mark', index: 3 },
    { verb: 'cas', key: 'head', index: 0, bytes: Buffer.from('x'), flags: 5 },
    { verb: 'delete', key: 'mark' },
  ])
  assert.deepEqual(link.last('/v1/txn').request.body, [
    { KV: { Verb: 'get', Key: 'tulle/over' } },
    { KV: { Verb: 'check-index', Key: 'tulle/mark', Index: 3 } },
    { KV: { Verb: 'cas', Key: 'tulle/head', Index: 0, Flags: 5, Value: b64('x') } },
    { KV: { Verb: 'delete', Key: 'tulle/mark' } },
  ])
  await link.last().answer({ Results: [], Errors: null })
  assert.equal(await committed, 'done')
})

const CAS = [{ verb: 'cas', key: 'a', index: 1, bytes: Buffer.from('x'), flags: 0 }] as const

test('refused is refused; after an attempt without an answer it is not sure whose it was', async () => {
  const { link, kv, later } = world()
  const refused = kv.commit(CAS)
  await link.last().refuse(409, 'failed session lookup')
  assert.equal(await refused, 'refused')
  const unsure = kv.commit(CAS)
  await link.last().fail()
  await later(100)
  await link.last().refuse(409, 'failed session lookup')
  assert.equal(await unsure, 'unsure')
})

test('what the agent turned away before doing anything is repeated, and leaves no doubt', async () => {
  const { link, kv, later } = world()
  const refused = kv.commit(CAS)
  await link.last().refuse(429, 'rate limit')
  await later(100)
  await link.last().refuse(409, 'index is stale')
  assert.equal(await refused, 'refused')
})

test('SECURITY fact 5: a transaction that the token may not do is an error, although it is a 409 too', async () => {
  const { link, kv } = world()
  const committed = rejection(kv.commit(CAS))
  await link.last().refuse(409, 'rpc error: Permission denied')
  assert.match((await committed).hint, /key_prefix "tulle\/"/)
})

test('FAULTS 21: without a leader it is tried for ten seconds, and then said that nobody knows', async () => {
  const { link, clock, kv, later } = world()
  const began = clock.now()
  let over = false
  const failed = rejection(kv.put('a', Buffer.from('x'))).finally(() => {
    over = true
  })
  while (!over) {
    assert.ok(clock.now() - began <= 10_000)
    if (link.last().open) await link.last().refuse(500, 'No cluster leader')
    await later(100)
  }
  const { message, hint } = await failed
  assert.match(message, /whether it was written is not known$/)
  assert.match(hint, /Look at what is there/)
  const answered = link.all().length
  await later(60_000)
  assert.equal(link.all().length, answered, 'no attempt comes after its end')
})
