import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guard } from '../../src/policy/guard.ts'

const messages = (value: unknown): readonly string[] =>
  guard({ name: 'x', version: 'x', value }).map(({ path, message }) => `${path}: ${message}`)

test('keys that reach for prototypes are refused at every depth', () => {
  assert.deepEqual(messages(JSON.parse('{"a":[{"__proto__":{}}],"constructor":1,"b":{"prototype":2}}')), [
    'a[0].__proto__: this key is never accepted',
    'constructor: this key is never accepted',
    'b.prototype: this key is never accepted',
  ])
  assert.deepEqual(messages({ proto: 1, construct: 2 }), [])
})

test('a value that shares and shares again is refused before it is walked to its end', () => {
  let value: unknown[] = ['lol']
  for (let i = 0; i < 20; i++) value = Array(9).fill(value)
  const start = performance.now()
  assert.deepEqual(messages(value), [': more than 200000 values'])
  assert.ok(performance.now() - start < 2000)
})

test('a value that holds itself is refused', () => {
  const value: Record<string, unknown> = {}
  value.self = value
  assert.match(messages(value)[0] ?? '', /nested deeper than 32 levels/)
})
