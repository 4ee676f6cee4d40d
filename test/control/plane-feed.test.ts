import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PolicyUpdate } from '../../src/control/feed.ts'
import { PlanePolicyFeed } from '../../src/control/plane-feed.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { AckWire } from '../../src/core/plane-wire.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakeLink, settled } from '../kit/fake-link.ts'
import { MemoryState } from '../kit/memory-state.ts'
import { parsePolicy } from '../kit/policy.ts'

const service = (name: string, timeout = '1s'): string =>
  `version: 1\nservices: { ${name}: { timeout: ${timeout} } }\n`
const policy = (sequence: number, documents: Readonly<Record<string, string>>) => ({
  sequence,
  documents: Object.entries(documents).map(([name, text]) => ({ name, text })),
})
const inForce = ({ documents }: PolicyUpdate): readonly string[] =>
  documents.flatMap(({ services }) => [...services].map(([name, { timeout }]) => `${name}: ${timeout}`))

const WALL = 1_700_000_000_000

function world(store = new MemoryState()) {
  const link = new FakeLink()
  const clock = new ManualClock()
  const logged: string[] = []
  const note = (message: string) => logged.push(message)
  const feed = new PlanePolicyFeed({
    link,
    parse: parsePolicy,
    store,
    clock,
    wall: () => WALL + clock.now() - 1_000_000,
    random: () => 1,
    log: { debug: note, info: note, warn: note, error: note },
    instance: 'i1',
    service: 'orders',
  })
  const updates: PolicyUpdate[] = []
  feed.onUpdate((update) => updates.push(update))
  const poll = () => link.last('GET /v1/policy')
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settled()
  }
  /** What the plane says next, when it has something to say. */
  const says = async (body: unknown, etag?: string): Promise<void> => {
    await later(20_000)
    await poll().answer(body, etag)
    await later(0)
  }
  const started = async (first?: unknown): Promise<void> => {
    const start = feed.start(new AbortController().signal)
    await settled()
    if (first === undefined) {
      await poll().fail(new MeshError('TULLE_PLANE', 'the plane is down'))
      await later(3000)
    } else await poll().answer(first, '"1"')
    await start
    await later(0)
  }
  const acks = () => link.all('POST /v1/acks').map(({ request }) => request.body as AckWire)
  return { feed, link, clock, store, updates, logged, poll, later, says, started, acks }
}

test('the policy of the plane is in force after the start, kept, and acknowledged', async () => {
  const { feed, store, started, acks, poll } = world()
  await started(policy(7, { 'team-a': service('orders') }))
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  assert.deepEqual(feed.status(), { source: 'plane', sequence: 7, ageMs: 0, problem: undefined })
  assert.equal(poll().request.etag, '"1"')
  assert.deepEqual(acks(), [{ instance: 'i1', service: 'orders', sequence: 7, refused: [] }])
  assert.equal(store.json('policy.json').sequence, 7)
  await feed.close()
})

test('a change is applied at once and as a whole; the same content under a new number only acknowledged', async () => {
  const { feed, updates, says, started, acks } = world()
  await started(policy(1, { a: service('orders') }))
  await says(policy(2, { a: service('orders', '2s'), b: service('stock') }))
  assert.equal(updates.length, 1)
  assert.deepEqual(inForce(updates[0]!), ['orders: 2000', 'stock: 1000'])
  await says(policy(3, { a: service('orders', '2s'), b: service('stock') }))
  assert.equal(updates.length, 1)
  assert.deepEqual(
    acks().map(({ sequence }) => sequence),
    [1, 2, 3],
  )
  await feed.close()
})

test('FAULTS 32: a wrong document keeps its last good form, and the plane is told why', async () => {
  const { feed, says, started, acks } = world()
  await started(policy(1, { a: service('orders'), b: service('stock') }))
  await says(policy(2, { a: service('orders', 'soon'), b: service('stock', '2s') }))
  assert.deepEqual(inForce(feed.current!), ['orders: 1000', 'stock: 2000'])
  assert.equal(acks().at(-1)?.sequence, 2)
  assert.match(acks().at(-1)?.refused[0] ?? '', /^services\.orders\.timeout: .*\(a:2:32\)$/)
  await feed.close()
})

test('FAULTS 33: an older policy is refused, and so is another one under the number in force', async () => {
  const { feed, updates, says, started } = world()
  await started(policy(5, { a: service('orders') }))
  for (const replay of [policy(4, {}), policy(0, {}), policy(5, { a: service('orders', '9s') })]) {
    await says(replay)
    assert.match(feed.status().problem ?? '', /offers .* in force here; it is refused/)
  }
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  assert.equal(updates.length, 0)
  await says(policy(6, { a: service('orders', '3s') }))
  assert.deepEqual(inForce(feed.current!), ['orders: 3000'])
  assert.equal(feed.status().problem, undefined)
  await feed.close()
})

test('FAULTS 33: what an earlier run kept bounds the sequence of the next', async () => {
  const store = new MemoryState()
  store.put('policy.json', { savedMs: WALL - 60_000, ...policy(9, { a: service('orders') }) })
  const { feed, poll, later } = world(store)
  const start = feed.start(new AbortController().signal)
  await settled()
  await poll().answer(policy(8, {}))
  await later(3000)
  await start
  assert.equal(feed.status().source, 'kept')
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  await feed.close()
})

test('FAULTS 20, 31: with the plane down at the start, what was kept is in force at once, with its age', async () => {
  const store = new MemoryState()
  store.put('policy.json', { savedMs: WALL - 60_000, ...policy(9, { a: service('orders') }) })
  const { feed, clock, poll, says, updates } = world(store)
  const start = feed.start(new AbortController().signal)
  await settled()
  await poll().fail(new MeshError('TULLE_PLANE', 'nothing listens there'))
  await start
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  const { source, sequence, ageMs, problem } = feed.status()
  assert.deepEqual([source, sequence, ageMs], ['kept', 9, 60_000])
  assert.equal(problem, 'nothing listens there')
  clock.advance(250)
  await settled()
  await says(policy(9, { a: service('orders') }))
  assert.equal(feed.status().source, 'plane')
  assert.equal(feed.status().ageMs, 0)
  assert.equal(updates.length, 0)
  await feed.close()
})

test('FAULTS 20, 31: with nothing kept the built-in defaults apply, a problem says so, and the plane is heard later', async () => {
  const { feed, updates, says, started } = world()
  await started()
  assert.equal(feed.status().source, 'none')
  assert.deepEqual(feed.current?.documents, [])
  assert.match(feed.current?.problems[0]?.message ?? '', /the plane is down.*the built-in defaults apply/)
  await says(policy(1, { a: service('orders') }))
  assert.deepEqual(inForce(updates[0]!), ['orders: 1000'])
  assert.deepEqual(updates[0]?.problems, [])
  await feed.close()
})

test('a plane without any policy is no problem', async () => {
  const { feed, started } = world()
  await started(policy(0, {}))
  assert.deepEqual([feed.current?.documents, feed.current?.problems], [[], []])
  assert.deepEqual(feed.status(), { source: 'plane', sequence: 0, ageMs: 0, problem: undefined })
  await feed.close()
})

test('FAULTS 21: with the plane gone later, everything stays in force while its age grows', async () => {
  const { feed, clock, poll, started, acks, says } = world()
  await started(policy(1, { a: service('orders') }))
  for (let minute = 0; minute < 10; minute++) {
    await poll().fail()
    clock.advance(60_000)
    await settled()
  }
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  assert.equal(feed.status().ageMs, 600_000)
  await says(policy(1, { a: service('orders') }))
  assert.equal(feed.status().ageMs, 0)
  assert.equal(acks().length, 2, 'a plane that was restarted has forgotten who runs what')
  await feed.close()
})

test('a kept policy that must not be believed is not used, and said', async () => {
  const store = new MemoryState()
  store.read = () => Promise.reject(new MeshError('TULLE_STATE', 'policy.json has mode 0644'))
  const one = world(store)
  await one.started()
  assert.equal(one.feed.status().source, 'none')
  assert.ok(one.logged.some((line) => line.includes('policy.json has mode 0644')))
  await one.feed.close()
  for (const text of ['{', '[]', '{"sequence":1}', '{"savedMs":1,"sequence":-1,"documents":[]}']) {
    const broken = new MemoryState()
    broken.put('policy.json', text)
    const other = world(broken)
    await other.started()
    assert.equal(other.feed.status().source, 'none', text)
    await other.feed.close()
  }
})

test('a disk that is full takes no policy away', async () => {
  const store = new MemoryState()
  store.write = () => Promise.reject(new MeshError('TULLE_STATE', 'no space left on device'))
  const { feed, started, logged } = world(store)
  await started(policy(1, { a: service('orders') }))
  await settled()
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  assert.ok(logged.some((line) => line.includes('no space left on device')))
  await feed.close()
})

test('an acknowledgement is told until it is heard, and the newest replaces it', async () => {
  const { feed, link, clock, started, says, acks } = world()
  await started(policy(1, {}))
  await link.last('POST /v1/acks').fail()
  clock.advance(500)
  await settled()
  assert.equal(acks().length, 2)
  const old = link.last('POST /v1/acks')
  await says(policy(2, { a: service('orders') }))
  assert.equal(old.signal?.aborted, true)
  assert.equal(acks().at(-1)?.sequence, 2)
  await feed.close()
  assert.equal(clock.armed, 0)
})

test('a start that is aborted rejects and leaves nothing behind', async () => {
  const { feed, clock } = world()
  const abort = new AbortController()
  const start = feed.start(abort.signal)
  await settled()
  abort.abort(new Error('enough'))
  await assert.rejects(start, /enough/)
  assert.equal(clock.armed, 0)
})

test('FAULTS 26, 32: answers that are wrong in one way each change nothing', async () => {
  const { feed, updates, says, started } = world()
  await started(policy(1, { a: service('orders') }))
  const document = { name: 'a', text: service('stock') }
  const wrong: readonly unknown[] = [
    undefined,
    null,
    '<html>',
    [],
    {},
    { sequence: 2 },
    { sequence: 2, documents: {} },
    { sequence: 1.5, documents: [] },
    { sequence: '2', documents: [] },
    { sequence: Number.NaN, documents: [] },
    { sequence: 2, documents: [{ name: '', text: '' }] },
    { sequence: 2, documents: [{ name: 'a' }] },
    { sequence: 2, documents: [document, document] },
    { sequence: 2, documents: Array.from({ length: 2001 }, (_, n) => ({ name: `d${n}`, text: '' })) },
  ]
  for (const body of wrong) {
    await says(body)
    assert.match(feed.status().problem ?? '', /^the plane answered/, JSON.stringify(body)?.slice(0, 80))
  }
  assert.equal(updates.length, 0)
  assert.deepEqual(inForce(feed.current!), ['orders: 1000'])
  await feed.close()
})

test('FAULTS 26: 100,000 mutations of an answer never throw, and what was good is always in force', async () => {
  const { feed, link, clock, started } = world()
  await started(policy(1, { a: service('orders') }))
  const good = JSON.stringify(policy(2, { a: service('orders', '2s') }))
  // Applied to the text, so that whatever JSON can say is said, `__proto__` included.
  const pieces = [
    '"__proto__"',
    '{"__proto__":1}',
    'null',
    '[]',
    '{}',
    '-1',
    '1e999',
    '"a"',
    ',',
    '"',
    '{',
    '}',
    '\\u0000',
  ]
  const random = fc.sample(fc.nat(), { numRuns: 300_000, seed: 26 })
  const rejections: unknown[] = []
  const onRejection = (error: unknown) => rejections.push(error)
  process.on('unhandledRejection', onRejection)
  let judged = 0
  for (let n = 0; n < 100_000; n++) {
    const [at, length, piece] = [random[3 * n]!, random[3 * n + 1]!, random[3 * n + 2]!]
    const start = at % good.length
    const text = good.slice(0, start) + pieces[piece % pieces.length]! + good.slice(start + (length % 12))
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      body = text
    }
    if ((body as { sequence?: unknown })?.sequence === 2) judged++
    const poll = link.sent.findLast(({ open, request }) => open && request.method === 'GET')!
    link.sent.length = 0
    await poll.answer(body)
    clock.advance(16_000)
    assert.match(String(inForce(feed.current!)), /^orders: (1|2)000$|^$|^[^:]*: \d+$/)
  }
  process.off('unhandledRejection', onRejection)
  assert.deepEqual(rejections, [])
  assert.ok(judged > 1000, `${judged} were near enough to be judged`)
  await feed.close()
})
