import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { copyHeaders, mergeHeaders } from '../../src/http/headers.ts'

const name = fc.stringMatching(/^[a-zA-Z-]{1,8}$/)
const value = fc.stringMatching(/^[!-~]{0,8}$/)

test('every form gives the same flat list', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }), (pairs) => {
      const flat = pairs.flat()
      assert.deepEqual(copyHeaders(flat).flat, flat)
      assert.deepEqual(copyHeaders(new Map(pairs)).flat, flat)
      assert.deepEqual(
        copyHeaders(Object.fromEntries(pairs)).flat,
        Object.entries(Object.fromEntries(pairs)).flat(),
      )
    }),
  )
})

test('no value that could end a line or a string gets through', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom('\r', '\n', '\0', '\u0100', '\x7f'),
      fc.string(),
      (before, evil, after) => {
        for (const headers of [
          { a: before + evil + after },
          ['a', before + evil + after],
          { a: ['x', before + evil + after] },
        ])
          assert.throws(
            () => copyHeaders(headers),
            (error) => isMeshError(error) && error.code === 'TULLE_BAD_CALL',
          )
      },
    ),
  )
})

test('is a copy: what the caller changes afterwards changes nothing', () => {
  const values = ['1', '2']
  const headers = { a: values }
  const { flat } = copyHeaders(headers)
  values.push('3')
  assert.deepEqual(flat, ['a', ['1', '2']])
})

test('undefined is left out, null is empty, numbers are written', () => {
  assert.deepEqual(copyHeaders({ a: undefined, b: null, c: 1 } as never).flat, ['b', '', 'c', '1'])
})

test('an Idempotency-Key without a value is no promise', () => {
  for (const headers of [
    { 'Idempotency-Key': '' },
    { 'idempotency-key': null },
    { 'idempotency-key': ['', ''] },
  ])
    assert.equal(copyHeaders(headers as never).hasIdempotencyKey, false, JSON.stringify(headers))
  for (const headers of [{ 'Idempotency-Key': '7' }, ['idempotency-key', 'a'], { 'idempotency-key': ['a'] }])
    assert.equal(copyHeaders(headers as never).hasIdempotencyKey, true, JSON.stringify(headers))
})

test('an iterator that somebody put on every object is not believed', () => {
  const prototype = Object.prototype as { [Symbol.iterator]?: unknown }
  try {
    Object.defineProperty(prototype, Symbol.iterator, {
      value: function* () {
        yield ['evil', '1']
      },
      configurable: true,
    })
    assert.deepEqual(copyHeaders({ a: '1' }).flat, ['a', '1'])
  } finally {
    delete prototype[Symbol.iterator]
  }
})

test('the outbox replaces what has its name, whatever the case, and adds the rest', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value)),
      fc.array(
        fc.tuple(
          name.map((n) => n.toLowerCase()),
          value,
        ),
      ),
      (pairs, added) => {
        const outbox = new Map(added)
        const merged = mergeHeaders(pairs.flat(), outbox)
        const kept = pairs.filter(([key]) => !outbox.has(key.toLowerCase()))
        assert.deepEqual(merged, [...kept.flat(), ...[...outbox].flat()])
      },
    ),
  )
})

test('baggage that the caller wrote itself stays the only one', () => {
  const outbox = new Map([
    ['baggage', 'inherited=1'],
    ['x-added', '1'],
  ])
  assert.deepEqual(mergeHeaders(['Baggage', 'mine=1'], outbox), ['Baggage', 'mine=1', 'x-added', '1'])
  assert.deepEqual(mergeHeaders(['a', '1'], outbox), ['a', '1', 'baggage', 'inherited=1', 'x-added', '1'])
})
