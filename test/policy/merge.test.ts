import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PolicyPiece } from '../../src/core/piece.ts'
import { overlay, settle } from '../../src/policy/merge.ts'
import { fusePiece } from '../kit/policy.ts'

const piece = {
  key: 'x',
  scope: 'route',
  defaults: { a: 1, list: [1], inner: { b: 2, c: 3 } },
} as PolicyPiece<unknown>

test('a narrower level wins field by field, at every depth; lists replace', () => {
  assert.deepEqual(settle(piece, [{ a: 5, list: [2, 3] }, { inner: { c: 9 } }, { list: [4] }]), {
    a: 5,
    list: [4],
    inner: { b: 2, c: 9 },
  })
})

test('where nobody says anything, the built-in value counts', () => {
  assert.deepEqual(settle(piece, [undefined, undefined]), { a: 1, list: [1], inner: { b: 2, c: 3 } })
})

test('false switches off, and what a narrower level says after that starts afresh', () => {
  assert.equal(settle(piece, [{ a: 5 }, false]), false)
  assert.equal(settle(piece, [{ a: 5 }, false, undefined]), false)
  assert.deepEqual(settle(piece, [{ a: 5 }, false, { list: [7] }]), {
    a: 1,
    list: [7],
    inner: { b: 2, c: 3 },
  })
})

test('what is absent until asked for fills itself in once any field of it is said', () => {
  assert.equal(settle(fusePiece, [undefined]), undefined)
  assert.deepEqual(settle(fusePiece, [{}]), { threshold: 0.5, minimum: 20, openFor: 10_000 })
  assert.deepEqual(settle(fusePiece, [{ minimum: 5 }, { threshold: 0.1 }]), {
    threshold: 0.1,
    minimum: 5,
    openFor: 10_000,
  })
})

test('a plain value replaces, whatever kind it is of', () => {
  assert.equal(settle({ ...piece, defaults: 'peak-ewma' }, ['random', 'round-robin']), 'round-robin')
  assert.deepEqual(settle({ ...piece, defaults: 'peak-ewma' }, ['random', { name: 'ring' }]), {
    name: 'ring',
  })
})

test('what comes out is frozen to the bottom', () => {
  const settled = settle(piece, [{ inner: { c: 1 } }]) as { inner: object; list: number[] }
  assert.ok(Object.isFrozen(settled) && Object.isFrozen(settled.inner) && Object.isFrozen(settled.list))
})

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.constant(false),
    fc.array(fc.integer(), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

/** A key is always of one kind, as in a real document: `false` in the middle cuts what is below it off, by design. */
const level = fc.letrec((tie) => ({
  level: fc.record(
    { a: fc.integer(), b: fc.array(fc.integer(), { maxLength: 2 }), c: tie('level'), d: tie('level') },
    { requiredKeys: [], noNullPrototype: true },
  ),
})).level

test('levels may be merged in any grouping', () => {
  fc.assert(
    fc.property(level, level, level, (a, b, c) => {
      assert.deepEqual(overlay(overlay(a, b), c), overlay(a, overlay(b, c)))
    }),
  )
})

test('what a level switched off is rebuilt from nothing by a later one', () => {
  assert.deepEqual(overlay(overlay({ b: { a: [1] } }, { b: false }), { b: { c: 2 } }), { b: { c: 2 } })
})

test('saying what is already so changes nothing', () => {
  fc.assert(fc.property(value, (a) => assert.deepEqual(overlay(a, a), a)))
})
