import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import type { JudgeContext } from '../../src/discovery/consul-health.ts'
import { lookupOf } from '../../src/discovery/consul-lookup.ts'
import { entryReader, type JudgedAnswer, judgeAnswer } from '../../src/discovery/consul-sets.ts'
import { healthEntry } from '../kit/consul-entry.ts'
import { seeded } from '../kit/random.ts'

const context: JudgeContext = { name: 'orders', lookup: lookupOf('orders', {}, true), now: () => 0 }
const ports = ({ set }: JudgedAnswer) => set.endpoints.map(({ port }) => port)

test('one registration twice refuses the whole answer; no address does, nor no list', async () => {
  const refused = async (body: unknown, message: RegExp) =>
    assert.rejects(judgeAnswer(body, context), { name: 'MeshError', code: 'TULLE_CONSUL', message })
  await refused(
    [healthEntry(1), healthEntry(2), healthEntry(1)],
    /: \[2\]\.Service\.ID: orders-1 is there twice on n1$/,
  )
  await refused([healthEntry(1, { id: 'a' }), healthEntry(2, { id: 'a' })], /\[1\]\.Service\.ID/)
  await refused([healthEntry(1), healthEntry(2, { address: '', nodeAddress: '' })], /\[1\]\.Service\.Address/)
  await refused({}, /no list/)
  await refused(null, /no list/)
  await refused([null], /\[0\]: /)
  await refused(new Array(50_001).fill({}), /more than 50000 instances/)
})

test('of two registrations at one address, as a quick restart leaves them, the later one counts', async () => {
  const before = healthEntry(8080, { id: 'old', meta: { version: '1' }, index: 10 })
  const after = healthEntry(8080, { id: 'new', meta: { version: '2' }, index: 20 })
  for (const body of [
    [before, after],
    [after, before],
  ]) {
    const { set } = await judgeAnswer(body, context)
    assert.deepEqual(
      set.endpoints.map(({ port, version }) => [port, version]),
      [[8080, '2']],
    )
  }
  const dying = healthEntry(8080, { id: 'new', status: 'critical', index: 30 })
  assert.equal((await judgeAnswer([before, dying], context)).set.endpoints[0]?.version, '1')
})

test('what did not change keeps its object, wherever it stands now; nothing changed keeps the whole set', async () => {
  const first = await judgeAnswer([healthEntry(3), healthEntry(1), healthEntry(2)], context)
  assert.deepEqual(ports(first), [1, 2, 3])
  const second = await judgeAnswer([healthEntry(1), healthEntry(2), healthEntry(3)], context, first)
  assert.equal(second.set, first.set)
  const third = await judgeAnswer(
    [healthEntry(0 + 9), healthEntry(2, { index: 30 }), healthEntry(3)],
    context,
    second,
  )
  assert.deepEqual(ports(third), [2, 3, 9])
  assert.equal(third.set.endpoints[1], first.set.endpoints[2])
  assert.notEqual(third.set.endpoints[0], first.set.endpoints[1])
})

test('an answer that is judged while it comes is judged as it is as a whole', async () => {
  const first = await judgeAnswer([healthEntry(1), healthEntry(2), healthEntry(3)], context)
  const body = [
    healthEntry(1),
    healthEntry(9, { status: 'critical' }),
    healthEntry(3),
    healthEntry(2, { index: 7 }),
  ]
  const read = entryReader(context, first)
  const kept = body.map((entry) => read(entry))
  assert.equal(kept[0], first.entries[0])
  assert.equal(kept[2], first.entries[2])
  const judged = await judgeAnswer(kept, context, first)
  assert.deepEqual(judged, await judgeAnswer(body, context, first))
  for (const wrong of [healthEntry(1, { port: 0 }), null, 5]) {
    const next = entryReader(context, first)
    next(healthEntry(7))
    assert.throws(() => next(wrong), { code: 'TULLE_CONSUL', message: /: \[1\]/ })
    await assert.rejects(judgeAnswer([healthEntry(7), wrong], context, first), { message: /: \[1\]/ })
  }
})

test('a mistake in what is known otherwise is found', async () => {
  const first = await judgeAnswer([healthEntry(1), healthEntry(2)], context)
  const wrong = healthEntry(2)
  wrong.Checks[0].Status = 'gone'
  await assert.rejects(judgeAnswer([healthEntry(1), wrong], context, first), /\[1\]\.Checks\.0\.Status/)
})

test('others get their turn every 2 ms, and judging that was broken off ends', async () => {
  let nowMs = 0
  const slow = { ...context, now: () => (nowMs += 1) }
  const body = Array.from({ length: 1000 }, (_, n) => healthEntry(n + 1))
  const stop = new AbortController()
  let turns = 0
  const turn = (): void => {
    turns += 1
    if (turns < 5) setImmediate(turn)
    else stop.abort(new Error('enough'))
  }
  setImmediate(turn)
  await assert.rejects(judgeAnswer(body, slow, undefined, stop.signal), /enough/)
  assert.equal(turns, 5)
})

test('FAULTS 26: 100,000 mutations of real answers are judged or refused with TULLE_CONSUL, and nothing else is thrown', async () => {
  const random = seeded(26)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const junk = [
    null,
    undefined,
    0,
    -1,
    70_000,
    Number.NaN,
    1e308,
    '',
    'x',
    '__proto__',
    true,
    [],
    {},
    [[]],
    { a: {} },
  ]
  const real = () => [
    healthEntry(1, { meta: { version: '2', weight: '0.5' }, tags: ['a'] }),
    healthEntry(2, { native: false, kind: 'connect-proxy', destination: 'orders' }),
    healthEntry(3, { status: 'warning' }),
  ]
  const mutate = (value: any, depth: number): void => {
    const keys = Object.keys(value)
    const key = pick(keys)
    const inner = value[key]
    if (
      typeof inner === 'object' &&
      inner !== null &&
      Object.keys(inner).length > 0 &&
      random() < 0.8 &&
      depth < 6
    )
      mutate(inner, depth + 1)
    else if (random() < 0.2) delete value[key]
    else value[key] = pick(junk)
  }
  let before: JudgedAnswer | undefined
  let refused = 0
  for (let n = 0; n < 100_000; n += 1) {
    const body = real()
    mutate(body, 0)
    if (random() < 0.3) mutate(body, 0)
    try {
      const known = random() < 0.5 ? before : undefined
      const given = random() < 0.5 && Array.isArray(body) ? body.map(entryReader(context, known)) : body
      const judged = await judgeAnswer(given, context, known)
      for (const { port, weight, address } of judged.set.endpoints) {
        assert.ok(Number.isInteger(port) && port > 0 && port < 65_536)
        assert.ok(typeof address === 'string' && address !== '')
        assert.ok((weight ?? 1) > 0 && Number.isFinite(weight))
      }
      before = judged
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'TULLE_CONSUL') throw error
      refused += 1
    }
  }
  assert.ok(refused > 20_000 && refused < 80_000, `${refused} of 100,000 were refused`)
})
