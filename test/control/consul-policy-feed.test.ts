import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsulPolicyFeed } from '../../src/control/consul-policy-feed.ts'
import { policyKey } from '../../src/control/consul-policy-key.ts'
import type { PolicyUpdate } from '../../src/control/feed.ts'
import { problemText } from '../../src/policy/problem.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { ConsulScript } from '../kit/consul-script.ts'
import { settled } from '../kit/fake-link.ts'
import { MemoryState } from '../kit/memory-state.ts'
import { parsePolicy } from '../kit/policy.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const service = (name: string, timeout = '1s'): string =>
  `version: 1\nservices: { ${name}: { timeout: ${timeout} } }\n`
const listed = (keys: Readonly<Record<string, string>>) =>
  Object.entries(keys).map(([Key, text]) => ({ Key, Value: Buffer.from(text).toString('base64') }))
const inForce = (update: PolicyUpdate | undefined): readonly string[] =>
  (update?.documents ?? []).flatMap(({ services }) =>
    [...services].map(([name, { timeout }]) => `${name}: ${timeout}`),
  )

function world(text = 'consul://tulle/mesh.yaml', store = new MemoryState()) {
  const link = new ConsulScript()
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string) => logged.push(message)
  const from = policyKey(text)
  assert(from)
  const feed = new ConsulPolicyFeed({
    link,
    from,
    parse: parsePolicy,
    store,
    clock,
    wall: () => 1_700_000_000_000 + clock.now(),
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
  })
  const updates: PolicyUpdate[] = []
  feed.onUpdate((update) => updates.push(update))
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  const begin = async (answer: () => Promise<void>): Promise<void> => {
    const started = feed.start(new AbortController().signal)
    started.catch(() => {})
    await settled()
    await answer()
    await later(0)
    await started
    await later(1000)
  }
  return { link, clock, feed, updates, store, later, begin, logged }
}

const refused = (update: PolicyUpdate | undefined): string =>
  (update?.problems ?? []).map(problemText).join('; ')

test('a key is read as it is, with one blocking query after the other', async () => {
  const { link, feed, updates, begin, later } = world()
  await begin(() => link.last().answer(bytes(service('orders')), 7))
  assert.deepEqual(inForce(feed.current), ['orders: 1000'])
  assert.equal(feed.current?.documents[0]?.name, 'consul://tulle/mesh.yaml')
  const { request } = link.last()
  assert.deepEqual(
    [request.path, request.query, request.expects, request.index],
    ['/v1/kv/tulle/mesh.yaml', { raw: '' }, 'bytes', 7],
  )
  await link.last().answer(bytes(service('orders', '2s')), 8)
  await later(1000)
  assert.deepEqual(updates.map(inForce), [['orders: 2000']])
  assert.equal(link.asked.filter(({ open }) => open).length, 1)
  assert.equal(feed.status().source, 'consul')
  await feed.close()
})

test('a document with a mistake keeps its last good form, and what is kept is that form', async () => {
  const { link, feed, begin, later, store } = world()
  await begin(() => link.last().answer(bytes(service('orders'))))
  await link.last().answer(bytes('version: 1\nservices: { orders: { timeout: soon } }\n'))
  await later(1000)
  assert.deepEqual(inForce(feed.current), ['orders: 1000'])
  assert.match(refused(feed.current), /services\.orders\.timeout: .*consul:\/\/tulle\/mesh\.yaml:2/)
  const [kept] = store.json('consul-policy.json').documents as { text: string }[]
  assert.equal(kept?.text, service('orders'))
  await feed.close()
})

test('below a prefix every key is a document, folders of the user interface are none', async () => {
  const { link, feed, begin, later } = world('consul://tulle/policies/')
  const both = { 'tulle/policies/a.yaml': service('a'), 'tulle/policies/b.yaml': service('b') }
  await begin(() => link.last().answer([...listed(both), { Key: 'tulle/policies/', Value: null }]))
  assert.deepEqual(link.last().request.query, { recurse: '' })
  assert.deepEqual(inForce(feed.current), ['a: 1000', 'b: 1000'])
  const list = link.last()
  await list.answer(listed({ 'tulle/policies/a.yaml': service('a', '3s') }))
  assert.equal(link.last().request.path, '/v1/kv/tulle/policies/b.yaml')
  await link.last().absent()
  await later(1000)
  assert.deepEqual(inForce(feed.current), ['a: 3000'], 'a key that is gone takes its policy with it')
  await feed.close()
})

test('a list that is empty because the token was lost takes nothing away', async () => {
  const { link, feed, updates, begin, later } = world('consul://tulle/')
  await begin(() => link.last().answer(listed({ 'tulle/a.yaml': service('a') })))
  await link.last().absent()
  await link.last('/v1/kv/tulle/a.yaml').refuse(403, 'Permission denied')
  await later(1000)
  assert.deepEqual(inForce(feed.current), ['a: 1000'])
  assert.equal(updates.length, 0)
  assert.match(feed.status().problem ?? '', /tulle\/a\.yaml may no longer be read: Permission denied/)
  await feed.close()
})

test('a key that disappears later keeps its policy and says so, until it is there again', async () => {
  const { link, feed, updates, begin, later } = world()
  await begin(() => link.last().answer(bytes(service('orders'))))
  await link.last().absent()
  await later(1000)
  assert.deepEqual(inForce(feed.current), ['orders: 1000'])
  assert.match(refused(feed.current), /no key tulle\/mesh\.yaml .*the last good policy stays in force/)
  await later(20_000)
  await link.last().absent()
  assert.match(feed.status().problem ?? '', /no key tulle\/mesh\.yaml/, 'still gone')
  await later(20_000)
  await link.last().answer(bytes(service('orders')))
  assert.equal(feed.status().problem, undefined)
  assert.equal(refused(updates.at(-1)), '')
  await feed.close()
})

test('FAULTS 20: an agent that is away at the start is what the error names, with its address and the key', async () => {
  const { link, feed, later } = world()
  const started = feed.start(new AbortController().signal)
  const outcome = assert.rejects(started, {
    code: 'TULLE_CONSUL',
    message:
      'no policy: consul://tulle/mesh.yaml at http://127.0.0.1:8500: no Consul agent at http://127.0.0.1:8500; nothing is kept from an earlier run',
  })
  await settled()
  await link.last().fail()
  await later(3000)
  await outcome
  const asked = link.asked.length
  await later(60_000)
  assert.equal(link.asked.length, asked, 'a start that failed leaves nothing behind')
})

test('FAULTS 20: with a policy of an earlier run a start goes on at once, and the agent is believed when it is back', async () => {
  const first = world()
  await first.begin(() => first.link.last().answer(bytes(service('orders'))))
  await first.feed.close()
  const { link, feed, updates, later, begin } = world('consul://tulle/mesh.yaml', first.store)
  await begin(() => link.last().fail())
  assert.deepEqual(inForce(feed.current), ['orders: 1000'])
  assert.equal(feed.status().source, 'kept')
  assert.match(refused(feed.current), /kept from an earlier run: no Consul agent/)
  await later(20_000)
  await link.last().answer(bytes(service('orders', '2s')))
  assert.deepEqual(inForce(updates.at(-1)), ['orders: 2000'])
  assert.deepEqual(
    [feed.status().source, feed.status().problem, refused(updates.at(-1))],
    ['consul', undefined, ''],
  )
  await feed.close()
})

test('what is kept and damaged is not believed, and the start says which file', async () => {
  const store = new MemoryState()
  store.put('consul-policy.json', { savedMs: 1, key: 'tulle/mesh.yaml', documents: 'none' })
  const { link, feed, later } = world('consul://tulle/mesh.yaml', store)
  const outcome = assert.rejects(feed.start(new AbortController().signal), {
    code: 'TULLE_CONSUL',
    message: /what is kept is not used: consul-policy\.json in .* is damaged \(documents: /,
  })
  await settled()
  await link.last().fail()
  await later(3000)
  await outcome
})

test('what is kept of one key is not taken for another', async () => {
  const first = world()
  await first.begin(() => first.link.last().answer(bytes(service('orders'))))
  await first.feed.close()
  const { link, feed, later } = world('consul://tulle/other.yaml', first.store)
  const outcome = assert.rejects(feed.start(new AbortController().signal), { code: 'TULLE_CONSUL' })
  await settled()
  await link.last().fail()
  await later(3000)
  await outcome
})

test('what is wrong in Consul at a start has its last good form in what was kept', async () => {
  const first = world()
  await first.begin(() => first.link.last().answer(bytes(service('orders'))))
  await first.feed.close()
  const { link, feed, begin } = world('consul://tulle/mesh.yaml', first.store)
  await begin(() => link.last().answer(bytes('version: 2\n')))
  assert.deepEqual(inForce(feed.current), ['orders: 1000'])
  assert.match(refused(feed.current), /version: expected 1/)
  await feed.close()
})

test('FAULTS 25: a key that is not there, or may not be read, is told with what to do', async () => {
  const missing = world()
  const first = assert.rejects(missing.feed.start(new AbortController().signal), {
    code: 'TULLE_POLICY',
    message: /there is no key tulle\/mesh\.yaml in Consul at http:\/\/127\.0\.0\.1:8500/,
    hint: 'Write it: consul kv put tulle/mesh.yaml @mesh.yaml',
  })
  await settled()
  await missing.link.last().absent()
  await missing.later(3000)
  await first
  const denied = world()
  const second = assert.rejects(denied.feed.start(new AbortController().signal), {
    code: 'TULLE_CONSUL',
    message: /403: Permission denied/,
    hint: 'The ACL token needs: key "tulle/mesh.yaml" { policy = "read" }',
  })
  await settled()
  await denied.link.last().refuse(403)
  await denied.later(3000)
  await second
})

test('a first document with a mistake is why a start fails, at once', async () => {
  const { link, feed } = world()
  const outcome = assert.rejects(feed.start(new AbortController().signal), {
    code: 'TULLE_POLICY',
    message: /consul:\/\/tulle\/mesh\.yaml:2/,
  })
  await settled()
  await link.last().answer(bytes('version: 1\nservice: {}\n'))
  await outcome
})
