import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { admit } from '../../src/policy/admit.ts'
import { clash, conflicts } from '../../src/policy/conflicts.ts'
import type { PolicyDocument } from '../../src/policy/document.ts'
import { problemText } from '../../src/policy/problem.ts'
import { goodPolicy } from '../kit/policy.ts'

const document = (name: string, services: string): PolicyDocument =>
  goodPolicy(`version: 1\nservices: { ${services} }\n`, name)
const set = (...documents: readonly PolicyDocument[]): ReadonlyMap<string, PolicyDocument> =>
  new Map(documents.map((one) => [one.name, one]))

const a = document('a.yaml', 'orders: {}')
const b = document('b.yaml', 'stock: {}')

test('documents without a clash all come into force', () => {
  const { documents, problems } = admit(set(), set(a, b))
  assert.deepEqual([...documents.values()], [a, b])
  assert.deepEqual(problems, [])
})

test('a changed document that claims what an unchanged one has keeps its last good form', () => {
  const grabby = document('a.yaml', 'orders: {}, stock: {}')
  const { documents, problems } = admit(set(a, b), set(grabby, b))
  assert.deepEqual([...documents.values()], [a, b])
  assert.deepEqual(problems.map(problemText), [
    'services.stock: service stock is already in b.yaml:2:13 (a.yaml:2:25)',
  ])
})

test('of two new documents that clash the later is refused', () => {
  const twin = document('c.yaml', 'orders: {}')
  assert.deepEqual([...admit(set(), set(twin, a)).documents.keys()], ['a.yaml'])
})

test('a service may move from one document to another in one step', () => {
  const moved = set(document('a.yaml', ''), document('b.yaml', 'stock: {}, orders: {}'))
  const { documents, problems } = admit(set(a, b), moved)
  assert.deepEqual([...documents.values()], [...moved.values()])
  assert.deepEqual(problems, [])
})

test('two defaults and two claims of a host clash like two services', () => {
  const one = goodPolicy('version: 1\ndefaults: {}\n', '1.yaml')
  const two = goodPolicy('version: 1\ndefaults: {}\n', '2.yaml')
  const hosts = document('3.yaml', 'x: { hosts: [shop] }, y: { hosts: [shop] }')
  assert.deepEqual(
    conflicts([two, one, hosts]).map((conflict) => problemText(clash(conflict, 'later'))),
    [
      'defaults: defaults are already in 1.yaml:2:1 (2.yaml:2:1)',
      'services.y.hosts[0]: host shop is already in 3.yaml:2:26 (3.yaml:2:48)',
    ],
  )
})

const documents = fc
  .array(fc.subarray(['p', 'q', 'r']), { minLength: 3, maxLength: 3 })
  .map((lists) =>
    lists.map((list, i) => document(`${i}.yaml`, list.map((service) => `${service}: {}`).join(', '))),
  )

test('what comes into force never clashes, and is new or what was in force before', () => {
  fc.assert(
    fc.property(documents, documents, (before, after) => {
      const inForce = admit(set(), set(...before)).documents
      const { documents: now, problems } = admit(inForce, set(...after))
      assert.deepEqual(conflicts(now.values()), [])
      for (const [name, one] of now)
        assert.ok(one.version === inForce.get(name)?.version || after.includes(one), name)
      if (conflicts(after).length === 0) assert.deepEqual(problems, [])
    }),
  )
})
