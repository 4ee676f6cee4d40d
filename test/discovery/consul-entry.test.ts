import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entrySchema, isEntry } from '../../src/discovery/consul-entry.ts'
import { healthEntry } from '../kit/consul-entry.ts'
import { seeded } from '../kit/random.ts'

const JUNK: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  -1,
  1.5,
  65_535,
  65_536,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'passing',
  'gone',
  [],
  ['a'],
  [1],
  [null],
  {},
  { a: 'b' },
  { a: 1 },
  { Passing: 1, Warning: 0 },
  [{ Status: 'critical' }],
]

test('what is taken for an entry without the schema is one by the schema, and real ones are', () => {
  const random = seeded(7)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const mutate = (value: any): void => {
    const key = pick(Object.keys(value))
    const inner = value[key]
    const deeper = typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0
    if (deeper && random() < 0.75) mutate(inner)
    else if (random() < 0.2) delete value[key]
    else value[key] = structuredClone(pick(JUNK))
  }
  const real = [
    {},
    { meta: { version: '2' }, tags: ['a', 'b'], weights: null },
    { kind: 'connect-proxy', destination: 'orders', status: 'critical' },
  ] as const
  let accepted = 0
  for (let n = 0; n < 30_000; n += 1) {
    const entry = structuredClone(healthEntry(8080, pick(real)))
    assert.ok(isEntry(entry))
    for (let times = 0; times <= n % 3; times += 1) mutate(entry)
    const { success } = entrySchema.safeParse(entry)
    assert.equal(isEntry(entry), success, JSON.stringify(entry))
    if (success) accepted += 1
  }
  assert.ok(accepted > 5_000 && accepted < 25_000, `${accepted}`)
})

test('nothing that is no object is an entry', () => {
  for (const junk of JUNK) assert.equal(isEntry(junk), false, String(junk))
})
