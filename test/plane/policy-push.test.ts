import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesIn, tooMuch } from '../../src/plane/policy-push.ts'

const wrong = (...names: string[]): string[] =>
  namesIn(names.map((name) => ({ name, text: '' }))).map(({ file, message }) => `${file}: ${message}`)

test('documents are named as files in folders are, and nothing leads out of one', () => {
  assert.deepEqual(wrong('orders.yaml', 'team-a/orders.yaml', '@acme/mesh+1.yaml', 'x'.repeat(200)), [])
  for (const name of ['', '../x', '/etc/x', 'a//b', 'a/', '.hidden', 'a/.b', 'a b', 'a\n', 'x'.repeat(201)])
    assert.equal(wrong(name).length, 1, JSON.stringify(name))
})

test('a document that is in a push twice is said once for each repetition', () => {
  assert.deepEqual(wrong('a', 'b', 'a'), ['a: this document is in the push twice'])
})

test('2,000 documents and 16 MiB are accepted, and not one more', () => {
  const documents = (count: number) => new Map(Array.from({ length: count }, (_, n) => [`${n}`, '']))
  assert.deepEqual(tooMuch(documents(2000)), [])
  assert.match(tooMuch(documents(2001))[0]?.message ?? '', /^2001 documents; at most 2000/)
  const mib = 16 * 1024 * 1024
  assert.deepEqual(tooMuch(new Map([['a', 'é'.repeat(mib / 2)]])), [])
  assert.match(tooMuch(new Map([['a', `${'é'.repeat(mib / 2)}x`]]))[0]?.message ?? '', /^16777217 bytes/)
})
