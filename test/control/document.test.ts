import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentVersion, MAX_DOCUMENT_BYTES, readDocument } from '../../src/control/document.ts'
import { problemText } from '../../src/policy/problem.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const mistakes = (text: string): readonly string[] =>
  readDocument('mesh.yaml', bytes(text)).problems?.map(problemText) ?? []
const value = (text: string): unknown => readDocument('mesh.yaml', bytes(text)).source?.value

test('YAML 1.2 and JSON are read alike, a byte order mark and tabs in JSON included', () => {
  const expected = { version: 1, services: { orders: { retry: false } } }
  assert.deepEqual(value('version: 1\nservices:\n  orders: { retry: false }\n'), expected)
  assert.deepEqual(value(JSON.stringify(expected)), expected)
  assert.deepEqual(value(JSON.stringify(expected, null, '\t')), expected)
  assert.deepEqual(value(`\uFEFF${JSON.stringify(expected)}`), expected)
})

test('words that YAML 1.1 takes for booleans are text', () => {
  assert.deepEqual(value('a: [on, off, yes, no]'), { a: ['on', 'off', 'yes', 'no'] })
})

test('the positions are those of keys and values in the text', () => {
  const { source } = readDocument('mesh.yaml', bytes('a:\n  b: [1, { c: x }]\n'))
  const at = (path: readonly PropertyKey[], of: 'key' | 'value'): unknown => {
    const { line, column } = source!.positions!(path, of)!
    return [line, column]
  }
  assert.deepEqual(at(['a', 'b'], 'key'), [2, 3])
  assert.deepEqual(at(['a', 'b'], 'value'), [2, 6])
  assert.deepEqual(at(['a', 'b', 1, 'c'], 'value'), [2, 15])
  assert.deepEqual(
    at(['a', 'b', 1, 'missing'], 'value'),
    [2, 10],
    'what is not there is looked for as far as it goes',
  )
  assert.deepEqual(at([], 'value'), [1, 1])
})

test('positions reach through aliases to where the value is written', () => {
  const { source } = readDocument('mesh.yaml', bytes('a: &x { c: 1 }\nb: *x\n'))
  assert.deepEqual(source!.positions!(['b', 'c'], 'value'), { line: 1, column: 12 })
})

for (const [what, text, ...expected] of [
  ['a key twice', 'a:\n  b: 1\n  b: 2\n', 'the key b is here twice (mesh.yaml:3:3)'],
  [
    'a tab in the indentation',
    'a:\n\t- b\n',
    'a tab in the indentation: YAML is indented with spaces (mesh.yaml:2:1)',
  ],
  [
    'a list that does not end',
    'a: [1, 2\nb: 3\n',
    'not YAML: flow sequence in block collection must be sufficiently indented and end with a ] (mesh.yaml:2:1)',
  ],
  [
    'a tag that means code',
    'a: !!js/function x\n',
    'not YAML: unresolved tag: tag:yaml.org,2002:js/function (mesh.yaml:1:4)',
  ],
  [
    'braces in a path without quotes',
    'match: { path: /orders/{id}/items }\n',
    'not YAML: text that holds { or } inside { … } is written in quotes, such as path: "/orders/{id}" (mesh.yaml:1:24)',
  ],
  ['two documents', 'a: 1\n---\nb: 2\n', 'a second document (---): one file holds one (mesh.yaml:2:1)'],
  ['nothing', '', 'empty: expected a policy document (mesh.yaml:1:1)'],
] as const)
  test(`mistake: ${what}`, () => assert.deepEqual(mistakes(text), expected))

test('a merge key is a key like any other', () => {
  assert.deepEqual(value('x: &x { a: 1 }\ny: { <<: *x }\n'), { x: { a: 1 }, y: { '<<': { a: 1 } } })
})

test('aliases that would blow up are refused, soon', () => {
  const laughs = Array.from({ length: 20 }, (_, i) =>
    i === 0
      ? 'a0: &a0 [lol]'
      : `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
  ).join('\n')
  const start = performance.now()
  assert.match(mistakes(laughs)[0] ?? '', /[Ee]xcessive alias count/)
  assert.ok(performance.now() - start < 2000)
})

test('an unknown alias, endless nesting, too many bytes and bytes that are no text are mistakes', () => {
  assert.match(mistakes('a: *nope\n')[0] ?? '', /nope/)
  assert.match(mistakes('['.repeat(50_000))[0] ?? '', /nested too deeply|not YAML/)
  assert.match(mistakes(`a: ${'x'.repeat(MAX_DOCUMENT_BYTES)}`)[0] ?? '', /larger than 1048576 bytes/)
  assert.deepEqual(readDocument('x', new Uint8Array([0xff, 0xfe, 0x00])).problems?.map(problemText), [
    'not UTF-8 text (x)',
  ])
})

test('a key that reaches for a prototype arrives as a key and pollutes nothing', () => {
  const read = value('{"__proto__": {"polluted": true}}') as object
  assert.deepEqual(Object.keys(read), ['__proto__'])
  assert.equal((read as Record<string, unknown>).polluted, undefined)
})

test('one content has one version', () => {
  assert.equal(contentVersion('a'), contentVersion(bytes('a')))
  assert.notEqual(contentVersion('a'), contentVersion('b'))
  assert.match(contentVersion(''), /^[0-9a-f]{12}$/)
})

test('whatever the bytes are, reading answers with a document or with mistakes', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', ']', '{', '}', '&', '*', '"', '\t', '#', '|', '!'),
  })
  fc.assert(
    fc.property(text, (written) => {
      const { source, problems } = readDocument('x', bytes(written))
      assert.ok(source !== undefined || problems.length > 0)
      source?.positions?.(['a', 0, 'b'], 'key')
    }),
  )
})
