import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeWorld, NOW, tulle } from '../kit/command.ts'

const runs = (instance: string, sequence: number, refused: readonly string[] = []): object => ({
  instance,
  service: instance.slice(0, -2),
  sequence,
  refused,
  seen: NOW - 2000,
})
const world = (...subscribers: object[]): FakeWorld =>
  new FakeWorld({
    'GET /v1/policy/versions': { versions: [{ sequence: 7, author: '', message: '', at: NOW }] },
    'GET /v1/subscribers': { subscribers },
  })

test('who is current, who is behind, and who refused and why', async () => {
  const { code, out } = await tulle(
    world(runs('orders-1', 7), runs('orders-2', 6), runs('stock-1', 6, ['a.yaml: retry.limit: no'])),
    'policy',
    'status',
  )
  assert.equal(code, 0)
  assert.deepEqual(out.split('\n'), [
    'newest version 7; 1 of 3 instances on it',
    'SERVICE  INSTANCE  VERSION  STATE    SEEN',
    'orders   orders-1  7        current  2 s ago',
    'orders   orders-2  6        behind   2 s ago',
    'stock    stock-1   6        refused  2 s ago',
    'refused by stock-1: a.yaml: retry.limit: no',
    '',
  ])
})

test('--strict waits for a roll-out by its exit code', async () => {
  assert.equal((await tulle(world(runs('a-1', 7), runs('a-2', 6)), 'policy', 'status', '--strict')).code, 1)
  assert.equal((await tulle(world(runs('a-1', 7)), 'policy', 'status', '--strict')).code, 0)
})

test('who has been silent for a minute is gone, and no roll-out waits for it', async () => {
  const gone = { ...runs('a-2', 6), seen: NOW - 61_000 }
  const { code, out } = await tulle(world(runs('a-1', 7), gone), 'policy', 'status', '--strict')
  assert.equal(code, 0)
  assert.match(out, /^newest version 7; 1 of 1 instances on it$/m)
  assert.match(out, /^a +a-2 +6 +silent +61 s ago$/m)
})

test('--json has the newest version and every instance', async () => {
  const { out } = await tulle(world(runs('a-1', 7)), 'policy', 'status', '--json')
  assert.deepEqual(JSON.parse(out), { sequence: 7, subscribers: [runs('a-1', 7)] })
})
