import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import type { PolicyPiece } from '../../src/core/piece.ts'
import { settle } from '../../src/policy/merge.ts'
import { type Provenance, provenance } from '../../src/policy/provenance.ts'

const piece: PolicyPiece<unknown> = {
  key: 'thing',
  scope: 'route',
  schema: z.unknown(),
  defaults: { a: 1, deep: { x: 1, y: 2 } },
}
const fuse: PolicyPiece<unknown> = { ...piece, defaults: undefined, whenPresent: { threshold: 5, list: [1] } }

const from = (name: string) => (path: readonly PropertyKey[]) => [name, ...path].join('.')
const say = (...values: readonly unknown[]) =>
  values.map((value, index) => ({ value, from: from(`level${index}`) }))
const lines = (all: readonly Provenance[]) =>
  all.map(({ path, value, from }) => `${path.join('.')}=${JSON.stringify(value)} ${from}`)

test('every value names the narrowest level that said it', () => {
  assert.deepEqual(lines(provenance(piece, say({ a: 2, deep: { x: 7 } }, undefined, { deep: { x: 8 } }))), [
    'a=2 level0.a',
    'deep.x=8 level2.deep.x',
    'deep.y=2 built-in',
  ])
  assert.deepEqual(lines(provenance(fuse, say({ threshold: 9 }))), [
    'threshold=9 level0.threshold',
    'list=[1] built-in',
  ])
})

test('what is switched off says who did it, and what nobody said is built in', () => {
  assert.deepEqual(lines(provenance(piece, say({ a: 2 }, false))), ['=false level1'])
  assert.deepEqual(lines(provenance(piece, say({ a: 2 }, false, { a: 3 }))), [
    'a=3 level2.a',
    'deep.x=1 built-in',
    'deep.y=2 built-in',
  ])
  assert.deepEqual(provenance(fuse, []), [{ path: [], value: undefined, from: 'built-in' }])
})

const leaf = fc.oneof(fc.integer(), fc.boolean(), fc.constant('x'), fc.array(fc.integer(), { maxLength: 2 }))
const mapping = fc.dictionary(
  fc.constantFrom('a', 'b', 'deep'),
  fc.oneof(leaf, fc.dictionary(fc.constantFrom('x', 'y'), leaf, { minKeys: 1, noNullPrototype: true })),
  { minKeys: 1, noNullPrototype: true },
)

test('values are those of settle, whatever the levels say', () => {
  const levels = fc.array(fc.oneof(mapping, fc.constant(undefined), fc.constant(false)), { maxLength: 4 })
  fc.assert(
    fc.property(fc.constantFrom(piece, fuse), levels, (which, values) => {
      const settled = settle(which, values)
      const all = provenance(which, say(...values))
      assert.deepEqual(rebuilt(all), settled)
    }),
  )
})

function rebuilt(all: readonly Provenance[]): unknown {
  if (all.length === 1 && all[0]?.path.length === 0) return all[0].value
  const root: Record<string, unknown> = {}
  for (const { path, value } of all) {
    let at = root
    for (const key of path.slice(0, -1).map(String)) {
      at[key] ??= {}
      at = at[key] as Record<string, unknown>
    }
    at[String(path.at(-1))] = value
  }
  return root
}
