import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocument } from '../../src/control/document.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { Policies } from '../../src/plane/policies.ts'
import { PolicyCheck } from '../../src/plane/policy-check.ts'
import { PolicyRefusal } from '../../src/plane/policy-refusal.ts'
import { Refusal } from '../../src/plane/refusal.ts'
import { LOCAL_NAMES } from '../../src/policy/hosts.ts'
import { createParser } from '../../src/policy/parse.ts'
import { policyPieces } from '../../src/stack.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { MemoryStore } from '../kit/memory-store.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

async function policies(store = new MemoryStore(), keep = 200) {
  const parse = createParser({ pieces: policyPieces, allowedHosts: LOCAL_NAMES })
  const check = new PolicyCheck({ read: readDocument, parse, pieces: policyPieces })
  const made = new Policies({
    store,
    check,
    clock: new ManualClock(),
    wall: () => 1_700_000_000_000,
    log,
    keep,
  })
  await made.load()
  return { plane: made, store }
}

const orders = (timeout: string): string => `version: 1\nservices:\n  orders:\n    timeout: ${timeout}\n`
const by = { author: 'ann', message: 'why' }
const push = (plane: Policies, name: string, text: string | null, more: object = {}) =>
  plane.push({ documents: [{ name, text }], ...by, ...more })
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const refused = (kind: string) => (error: unknown) => error instanceof Refusal && error.kind === kind

test('a push becomes the next version, with who, when and why', async () => {
  const { plane } = await policies()
  assert.equal(plane.current.sequence, 0)
  assert.deepEqual(await push(plane, 'orders.yaml', orders('1s')), { sequence: 1, changed: true })
  const { sequence, author, message, at, documents } = plane.current
  assert.deepEqual({ sequence, author, message, at }, { sequence: 1, ...by, at: 1_700_000_000_000 })
  assert.deepEqual(documents, [{ name: 'orders.yaml', text: orders('1s') }])
  assert.deepEqual(JSON.parse(plane.json()), { sequence: 1, documents })
})

test('what is not named stays, null removes, and replace leaves only what is named', async () => {
  const { plane } = await policies()
  const users = orders('1s').replace('orders', 'users')
  await push(plane, 'orders.yaml', orders('1s'))
  await push(plane, 'users.yaml', users)
  assert.equal(plane.current.documents.length, 2)
  await push(plane, 'orders.yaml', null)
  assert.deepEqual(plane.current.documents, [{ name: 'users.yaml', text: users }])
  await push(plane, 'orders.yaml', orders('2s'), { replace: true })
  assert.deepEqual(plane.current.documents, [{ name: 'orders.yaml', text: orders('2s') }])
})

test('FAULTS 32: a push with a mistake is refused whole, with every problem and its place', async () => {
  const { plane, store } = await policies()
  await push(plane, 'orders.yaml', orders('1s'))
  const documents = [
    { name: 'users.yaml', text: orders('3s').replace('orders', 'users') },
    { name: 'bad.yaml', text: 'version: 1\nservices:\n  stock:\n    timeout: soon\n    retri: 3\n' },
    { name: 'worse.yaml', text: '{' },
  ]
  await assert.rejects(plane.push({ documents, ...by }), (error) => {
    assert.ok(error instanceof PolicyRefusal)
    const [timeout, retri, syntax, ...more] = error.problems
    assert.equal(`${timeout?.file}:${timeout?.line} ${timeout?.path}`, 'bad.yaml:4 services.stock.timeout')
    assert.equal(`${retri?.file}:${retri?.line} ${retri?.path}`, 'bad.yaml:5 services.stock.retri')
    assert.match(`${syntax?.file} ${syntax?.message}`, /^worse\.yaml not YAML/)
    assert.deepEqual(more, [])
    return true
  })
  assert.equal(plane.current.sequence, 1)
  assert.equal(plane.current.documents.length, 1)
  assert.equal(store.content.size, 1)
})

test('FAULTS 32: too many bytes, foreign hosts and hostile names are refused', async () => {
  const { plane } = await policies()
  const problems = async (name: string, text: string): Promise<string> => {
    const error: unknown = await push(plane, name, text).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof PolicyRefusal, name)
    return error.message
  }
  assert.match(await problems('big.yaml', `version: 1\n#${'x'.repeat(1024 * 1024)}`), /larger than/)
  assert.match(
    await problems('hosts.yaml', 'version: 1\nservices:\n  a:\n    hosts: [api.stripe.com]\n'),
    /not a name a policy may claim/,
  )
  for (const name of ['../etc/passwd', '/a', 'a//b', 'a b', '.hidden', '', `${'x'.repeat(201)}`])
    assert.match(await problems(name, orders('1s')), /a document is named by/)
})

test('two documents that say the same service are refused, naming both', async () => {
  const { plane } = await policies()
  await push(plane, 'b.yaml', orders('1s'))
  await assert.rejects(push(plane, 'a.yaml', orders('2s')), (error) => {
    assert.ok(error instanceof PolicyRefusal)
    assert.match(error.message, /service orders is already in b\.yaml/)
    assert.equal(error.problems[0]?.file, 'a.yaml')
    return true
  })
})

test('what changes nothing makes no version', async () => {
  const { plane } = await policies()
  await push(plane, 'orders.yaml', orders('1s'))
  assert.deepEqual(await push(plane, 'orders.yaml', orders('1s')), { sequence: 1, changed: false })
  assert.deepEqual(await push(plane, 'nothing.yaml', null), { sequence: 1, changed: false })
})

test('a push against a version that is not in force any more conflicts', async () => {
  const { plane } = await policies()
  await push(plane, 'orders.yaml', orders('1s'), { expected: 0 })
  await assert.rejects(push(plane, 'orders.yaml', orders('2s'), { expected: 0 }), refused('conflict'))
  const two = await Promise.allSettled([
    push(plane, 'orders.yaml', orders('2s'), { expected: 1 }),
    push(plane, 'orders.yaml', orders('3s'), { expected: 1 }),
  ])
  assert.deepEqual(two.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('FAULTS 33: a rollback is a new version with the old content; sequences only grow', async () => {
  const { plane, store } = await policies()
  for (const time of ['1s', '2s', '3s']) await push(plane, 'orders.yaml', orders(time))
  assert.deepEqual(await plane.rollback(1, { author: 'bob', message: 'too slow' }), {
    sequence: 4,
    changed: true,
  })
  assert.equal(plane.current.rollbackTo, 1)
  assert.equal(plane.current.documents[0]?.text, orders('1s'))
  assert.equal((await plane.version(2)).documents[0]?.text, orders('2s'))
  assert.deepEqual(
    (await plane.history()).map(({ sequence }) => sequence),
    [4, 3, 2, 1],
  )
  await assert.rejects(plane.rollback(99, by), refused('unknown'))
  const { plane: again } = await policies(store)
  assert.equal(again.current.sequence, 4)
  await push(again, 'orders.yaml', orders('5s'))
  assert.equal(again.current.sequence, 5)
})

test('history is bounded, and what is forgotten never gives its number away', async () => {
  const { plane, store } = await policies(new MemoryStore(), 3)
  for (let i = 1; i <= 12; i++) await push(plane, 'orders.yaml', orders(`${i}s`))
  assert.deepEqual(
    (await plane.history()).map(({ sequence }) => sequence),
    [12, 11, 10],
  )
  await assert.rejects(plane.version(9), refused('unknown'))
  assert.equal(store.content.size, 3)
  const { plane: again } = await policies(store, 3)
  assert.equal((await push(again, 'orders.yaml', null)).sequence, 13)
})

test('a version that cannot be kept is not in force, and the next push is judged as if it had never been', async () => {
  const { plane, store } = await policies()
  await push(plane, 'orders.yaml', orders('1s'))
  store.failure = new Error('full')
  let woken = 0
  plane.onChange(() => woken++)
  await assert.rejects(push(plane, 'twice.yaml', orders('1s').replace('orders', 'users')), /full/)
  assert.equal(plane.current.sequence, 1)
  assert.equal(woken, 0)
  store.failure = undefined
  await push(plane, 'users.yaml', orders('1s').replace('orders', 'users'))
  assert.equal(plane.current.sequence, 2)
  assert.equal(woken, 1)
})

test('a damaged newest version stops the plane; a damaged older one is left out of the history', async () => {
  const { plane, store } = await policies()
  for (const time of ['1s', '2s']) await push(plane, 'orders.yaml', orders(time))
  const [first = '', second = ''] = store.content.keys()
  const good = store.content.get(first) as Uint8Array
  store.content.set(first, good.slice(0, 40))
  const { plane: again } = await policies(store)
  assert.deepEqual(
    (await again.history()).map(({ sequence }) => sequence),
    [2],
  )
  store.content.set(second, new TextEncoder().encode(new TextDecoder().decode(good).replace('1s', '9s')))
  await assert.rejects(policies(store), (error) => isMeshError(error) && error.code === 'TULLE_STATE')
})

test('an ETag says the content too: a number that comes back from a backup with another content is another version', async () => {
  const [{ plane: one }, { plane: other }] = [await policies(), await policies()]
  await push(one, 'orders.yaml', orders('1s'))
  await push(other, 'orders.yaml', orders('2s'))
  assert.notEqual(one.etag, other.etag)
})

test('two planes on one store: what either makes is in force on both, and wakes who waits there', async () => {
  const { plane: one, store } = await policies()
  const { plane: two } = await policies(store.another())
  let woken = 0
  two.onChange(() => woken++)
  await push(one, 'orders.yaml', orders('1s'))
  await push(two, 'users.yaml', orders('1s').replace('orders', 'users'))
  await push(one, 'orders.yaml', orders('2s'), { expected: 2 })
  await settled()
  assert.deepEqual([one.etag, one.current.documents.length, woken], [two.etag, 2, 1])
  assert.deepEqual(await two.rollback(1, by), { sequence: 4, changed: true })
  await settled()
  assert.deepEqual(
    (await one.history()).map(({ sequence, rollbackTo }) => [sequence, rollbackTo]),
    [
      [4, 1],
      [3, undefined],
      [2, undefined],
      [1, undefined],
    ],
  )
})

test('of two planes that make the next version at one moment one is refused, told who came first, and has changed nothing', async () => {
  const { plane: one, store } = await policies()
  const { plane: two } = await policies(store.another())
  const users = orders('1s').replace('orders', 'users')
  const done = await Promise.allSettled([
    one.push({ documents: [{ name: 'orders.yaml', text: orders('1s') }], author: 'ann', message: '' }),
    two.push({ documents: [{ name: 'users.yaml', text: users }], author: 'bob', message: '' }),
  ])
  const [lost] = done.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  assert.ok(lost instanceof Refusal)
  assert.equal(lost.kind, 'conflict')
  assert.match(
    lost.message,
    /^version 1 by (ann|bob) is in force, and came at the same moment; nothing was changed$/,
  )
  await settled()
  assert.deepEqual([one.current.sequence, one.etag], [1, two.etag])
  const [again] = await Promise.all([
    push(done[0]?.status === 'rejected' ? one : two, 'stock.yaml', orders('1s').replace('orders', 'stock')),
  ])
  assert.equal(again.sequence, 2)
})

test('a version that was looked away from for long is not overtaken: its successor stands on what is still there', async () => {
  const { plane: one, store } = await policies(new MemoryStore(), 1)
  const { plane: two } = await policies(store.another(), 1)
  await push(one, 'orders.yaml', orders('1s'))
  await settled()
  const create = store.create.bind(store)
  store.create = async (key, bytes, over) => {
    // Asleep between its look and its write, while others have gone on, and pruned.
    for (const time of ['2s', '3s', '4s']) await push(two, 'orders.yaml', orders(time))
    return create(key, bytes, over)
  }
  await assert.rejects(push(one, 'orders.yaml', orders('9s')), refused('conflict'))
  assert.deepEqual([one.current.sequence, one.etag], [4, two.etag])
})

test('versions the store has lost stay in force, and their numbers are not used again', async () => {
  const { plane, store } = await policies()
  for (const time of ['1s', '2s']) await push(plane, 'orders.yaml', orders(time))
  const newest = [...store.content.keys()].at(-1) as string
  await store.remove(newest)
  await settled()
  assert.equal(plane.current.sequence, 2)
  assert.deepEqual(await push(plane, 'orders.yaml', orders('2s')), { sequence: 3, changed: true })
})
