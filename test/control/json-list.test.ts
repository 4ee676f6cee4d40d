import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ListParser } from '../../src/control/json-list.ts'

/** Pushes the bytes in pieces that end where told, as sockets do. */
function parsed(bytes: Uint8Array, cuts: readonly number[] = []): unknown[] {
  const parser = new ListParser()
  let from = 0
  for (const cut of [...cuts.map((at) => at % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    parser.push(bytes.subarray(from, cut))
    from = cut
  }
  if (parser.isList !== true) throw new SyntaxError('no list')
  return parser.end()
}

const strictly = (bytes: Uint8Array): unknown =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))

const outcome = (parse: () => unknown): { value: unknown } | 'refused' => {
  try {
    return { value: parse() }
  } catch {
    return 'refused'
  }
}

const cuts = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 })
const spaces = fc.constantFrom(undefined, 1, 4, '\t', '\n \r')

test('any list, cut anywhere, is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 })),
      cuts,
      spaces,
      (list, ends, space) => {
        const text = JSON.stringify(list, null, space)
        const bytes = Buffer.from(text)
        assert.deepEqual(parsed(bytes, ends), JSON.parse(bytes.toString()))
      },
    ),
    { numRuns: 1000 },
  )
})

test('a list cut after every byte is still the same', () => {
  const list = [
    { a: '[,]}"\\', 'é€𝄞': [[], {}, [{}]] },
    [],
    -1.5e-7,
    'x\\"',
    null,
    true,
    '',
    { __proto__: null, b: ',' },
  ]
  for (const text of [JSON.stringify(list), JSON.stringify(list, null, 3), '[]', ' [ ] ', '[[]]', '[""]']) {
    const bytes = Buffer.from(text)
    assert.deepEqual(parsed(bytes, [...bytes.keys()]), JSON.parse(text))
  }
})

test('what is broken anywhere is refused where JSON.parse refuses it, and accepted where it does not', () => {
  const tokens = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '"',
    '\\',
    '1',
    '-',
    'e',
    'null',
    ' ',
    '\n',
    '"a"',
    '"a":1',
    '\ufeff',
    'é',
  )
  const document = fc.array(tokens, { maxLength: 12 }).map((parts) => `[${parts.join('')}`)
  fc.assert(
    fc.property(document, cuts, (text, ends) => {
      const bytes = Buffer.from(text)
      assert.deepEqual(
        outcome(() => parsed(bytes, ends)),
        outcome(() => strictly(bytes)),
      )
    }),
    { numRuns: 20_000 },
  )
})

test('a list of which one byte was changed, taken out or put in is judged as JSON.parse judges it', () => {
  const sound = Buffer.from(JSON.stringify([{ Node: 'ü', Port: 80, Tags: ['a,b', ']'] }, {}, [1, 2, [3]]]))
  fc.assert(
    fc.property(
      fc.nat({ max: sound.length - 1 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: 2 }),
      cuts,
      (at, byte, how, ends) => {
        const put = how === 2 ? [] : [byte]
        const bytes = Buffer.concat([
          sound.subarray(0, at),
          Uint8Array.from(put),
          sound.subarray(how === 1 ? at : at + 1),
        ])
        const whole = outcome(() => strictly(bytes))
        const list = whole !== 'refused' && Array.isArray(whole.value) ? whole : 'refused'
        assert.deepEqual(
          outcome(() => parsed(bytes, ends)),
          list,
        )
      },
    ),
    { numRuns: 20_000 },
  )
})

test('each item is handed over as soon as it is there, and what comes back is kept', () => {
  const seen: unknown[] = []
  const parser = new ListParser((item) => {
    seen.push(item)
    return (item as { n: number }).n
  })
  parser.push(Buffer.from('[{"n":1},{"n":2},{"n'))
  assert.deepEqual(seen, [{ n: 1 }, { n: 2 }])
  parser.push(Buffer.from('":3}]'))
  assert.deepEqual(parser.end(), [1, 2, 3])
})

test('the memory of a chunk may be used again once it was pushed', () => {
  const parser = new ListParser()
  const chunk = Buffer.from('["abc","de')
  parser.push(chunk)
  chunk.fill(0x78)
  parser.push(Buffer.from('f"]'))
  assert.deepEqual(parser.end(), ['abc', 'def'])
})

test('what is no list says so with its first byte', () => {
  const parser = new ListParser()
  parser.push(Buffer.from(' \n'))
  assert.equal(parser.isList, undefined)
  parser.push(Buffer.from('{"a":[1]}'))
  assert.equal(parser.isList, false)
})
