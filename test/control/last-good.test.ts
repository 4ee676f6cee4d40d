import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Found, LastGood } from '../../src/control/last-good.ts'
import { problemText } from '../../src/policy/problem.ts'
import { parsePolicy } from '../kit/policy.ts'

const files = (texts: Readonly<Record<string, string | Found>>): ReadonlyMap<string, Found> =>
  new Map(
    Object.entries(texts).map(([name, text]) => [
      name,
      typeof text === 'string' ? new TextEncoder().encode(text) : text,
    ]),
  )
const service = (name: string, timeout = '1s'): string =>
  `version: 1\nservices: { ${name}: { timeout: ${timeout} } }\n`

/** What is in force, as `name: timeout`. */
const inForce = ({ documents }: ReturnType<LastGood['take']>): readonly string[] =>
  documents.flatMap(({ services }) => [...services].map(([name, { timeout }]) => `${name}: ${timeout}`))

test('a document with a mistake keeps its last good form while the others go on', () => {
  const lastGood = new LastGood(parsePolicy)
  lastGood.take(files({ 'a.yaml': service('orders'), 'b.yaml': service('stock') }))
  const update = lastGood.take(
    files({ 'a.yaml': service('orders', 'soon'), 'b.yaml': service('stock', '2s') }),
  )
  assert.deepEqual(inForce(update), ['orders: 1000', 'stock: 2000'])
  assert.equal(update.problems.length, 1)
  assert.match(problemText(update.problems[0]!), /^services\.orders\.timeout: .*\(a\.yaml:2:32\)$/)
  const mended = lastGood.take(files({ 'a.yaml': service('orders', '3s'), 'b.yaml': service('stock', '2s') }))
  assert.deepEqual(inForce(mended), ['orders: 3000', 'stock: 2000'])
  assert.deepEqual(mended.problems, [])
})

test('a document that never was good is not in force', () => {
  const update = new LastGood(parsePolicy).take(files({ 'a.yaml': 'version: 9', 'b.yaml': service('stock') }))
  assert.deepEqual(inForce(update), ['stock: 1000'])
})

test('a document that cannot be read keeps its last good form', () => {
  const lastGood = new LastGood(parsePolicy)
  lastGood.take(files({ 'a.yaml': service('orders') }))
  const update = lastGood.take(files({ 'a.yaml': { unreadable: 'may not be read' } }))
  assert.deepEqual(inForce(update), ['orders: 1000'])
  assert.deepEqual(update.problems.map(problemText), ['may not be read (a.yaml)'])
})

test('a document that is no longer there is gone', () => {
  const lastGood = new LastGood(parsePolicy)
  lastGood.take(files({ 'a.yaml': service('orders'), 'b.yaml': service('stock') }))
  assert.deepEqual(inForce(lastGood.take(files({ 'b.yaml': service('stock') }))), ['stock: 1000'])
})

test('the version changes with what is in force, and with nothing else', () => {
  const lastGood = new LastGood(parsePolicy)
  const first = lastGood.take(files({ 'a.yaml': service('orders') }))
  assert.equal(lastGood.take(files({ 'a.yaml': service('orders', 'soon') })).version, first.version)
  assert.notEqual(lastGood.take(files({ 'a.yaml': service('orders', '2s') })).version, first.version)
  assert.equal(lastGood.take(files({ 'a.yaml': service('orders') })).version, first.version)
})

test('only documents whose text has changed are read again, mistakes included', () => {
  const read: string[] = []
  const lastGood = new LastGood((source) => {
    read.push(source.name)
    return parsePolicy(source)
  })
  const bad = service('stock', 'soon')
  lastGood.take(files({ 'a.yaml': service('orders'), 'b.yaml': bad, 'c.yaml': service('mail') }))
  assert.deepEqual(read.splice(0), ['a.yaml', 'b.yaml', 'c.yaml'])
  const update = lastGood.take(
    files({ 'a.yaml': service('orders', '2s'), 'b.yaml': bad, 'c.yaml': service('mail') }),
  )
  assert.deepEqual(read.splice(0), ['a.yaml'])
  assert.deepEqual(inForce(update), ['orders: 2000', 'mail: 1000'])
  assert.deepEqual(
    update.problems.map(({ file }) => file),
    ['b.yaml'],
    'what is wrong is said as long as it is there',
  )
  lastGood.take(files({ 'a.yaml': service('orders', '2s') }))
  lastGood.take(files({ 'a.yaml': service('orders', '2s'), 'c.yaml': service('mail') }))
  assert.deepEqual(read.splice(0), ['c.yaml'], 'what was gone is read anew')
})
