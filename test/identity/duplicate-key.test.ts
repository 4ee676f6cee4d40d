import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { duplicateKey } from '../../src/identity/duplicate-key.ts'

test('a key twice in one object is found, however deep and however written', () => {
  for (const [text, key] of [
    ['{"a":1,"a":2}', 'a'],
    ['{"a" : 1, "b":[{"c":1},{"c":{"x":1,"y":2,"x":3}}]}', 'x'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"":1,"":2}', ''],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"a\\"":1,"b":"}","a\\"":2}', 'a"'],
    ['[{"k":1\n,\t"k"\r\n:2}]', 'k'],
  ])
    assert.equal(duplicateKey(text!), key, text)
})

test('the same word in other objects, in arrays or as a value is no duplicate', () => {
  for (const text of [
    '{"a":{"a":{"a":1}},"b":{"a":1}}',
    '["a","a"]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"\\"a\\":1,","b":1}',
    '{"a":"\\\\","b":"{\\"b\\":1}"}',
    '1',
    '"a"',
    '{}',
  ])
    assert.equal(duplicateKey(text), undefined, text)
})

test('nothing that JSON.stringify writes has one; with one key repeated, everything has', () => {
  fc.assert(fc.property(fc.json(), (text) => duplicateKey(text) === undefined))
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), (key, one, two) => {
      const name = JSON.stringify(key)
      assert.equal(duplicateKey(`[{${name}:${JSON.stringify(one)},${name}:${JSON.stringify(two)}}]`), key)
    }),
  )
})
