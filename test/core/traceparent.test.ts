import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatTraceparent, readTraceContext } from '../../src/core/traceparent.ts'

/** The cases of the test suite in w3c/trace-context (test/test.py), with what it expects of an implementation. */

const TRACE = '12345678901234567890123456789012'
const SPAN = '1234567890123456'
const parent = (...traceparent: string[]) => readTraceContext({ traceparent, tracestate: [] })

describe('traceparent', () => {
  test('a valid header is read whole', () => {
    assert.deepEqual(parent(`00-${TRACE}-${SPAN}-01`), {
      traceId: TRACE,
      spanId: SPAN,
      flags: 1,
      state: undefined,
    })
  })

  test('no header is no context', () => {
    assert.equal(parent(), undefined)
  })

  test('two headers are no context, even where they agree', () => {
    assert.equal(parent(`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`), undefined)
    assert.equal(parent(`00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`), undefined)
  })

  test('version 00 ends after the flags', () => {
    for (const tail of ['.', '-what-the-future-will-be-like', '-', '0'])
      assert.equal(parent(`00-${TRACE}-${SPAN}-01${tail}`), undefined, tail)
  })

  test('a higher version is read by its known prefix', () => {
    for (const tail of ['', '-what-the-future-will-be-like', '-'])
      assert.equal(parent(`cc-${TRACE}-${SPAN}-01${tail}`)?.traceId, TRACE, tail)
    assert.equal(parent(`cc-${TRACE}-${SPAN}-01.what-the-future-will-be-like`), undefined)
  })

  test('version ff is forbidden', () => {
    assert.equal(parent(`ff-${TRACE}-${SPAN}-01`), undefined)
  })

  test('space and tab around the value are ignored, other white space is not', () => {
    for (const [before, after] of [
      [' ', ''],
      ['\t', ''],
      ['', ' '],
      ['', '\t'],
      ['\t ', ' \t'],
    ])
      assert.equal(parent(`${before}00-${TRACE}-${SPAN}-01${after}`)?.traceId, TRACE)
    assert.equal(parent(`\u00a000-${TRACE}-${SPAN}-01`), undefined)
    assert.equal(parent(`00-${TRACE}-${SPAN}-01\n`), undefined)
  })

  for (const [what, value] of Object.entries({
    'an illegal character in the version': `.0-${TRACE}-${SPAN}-01`,
    'another illegal character in the version': `0.-${TRACE}-${SPAN}-01`,
    'a long version': `000-${TRACE}-${SPAN}-01`,
    'a very long version': `0000-${TRACE}-${SPAN}-01`,
    'a short version': `0-${TRACE}-${SPAN}-01`,
    'a trace id of zeros': `00-${'0'.repeat(32)}-${SPAN}-01`,
    'a trace id of zeros in a later version': `cc-${'0'.repeat(32)}-${SPAN}-01`,
    'an illegal character in the trace id': `00-.2345678901234567890123456789012-${SPAN}-01`,
    'an illegal last character in the trace id': `00-1234567890123456789012345678901.-${SPAN}-01`,
    'upper case in the trace id': `00-${'A'.repeat(32)}-${SPAN}-01`,
    'a long trace id': `00-${TRACE}3-${SPAN}-01`,
    'a short trace id': `00-${TRACE.slice(1)}-${SPAN}-01`,
    'a parent id of zeros': `00-${TRACE}-${'0'.repeat(16)}-01`,
    'an illegal character in the parent id': `00-${TRACE}-.234567890123456-01`,
    'an illegal last character in the parent id': `00-${TRACE}-123456789012345.-01`,
    'upper case in the parent id': `00-${TRACE}-${'B'.repeat(16)}-01`,
    'a long parent id': `00-${TRACE}-${SPAN}7-01`,
    'a short parent id': `00-${TRACE}-${SPAN.slice(1)}-01`,
    'an illegal character in the flags': `00-${TRACE}-${SPAN}-.0`,
    'another illegal character in the flags': `00-${TRACE}-${SPAN}-0.`,
    'long flags': `00-${TRACE}-${SPAN}-001`,
    'short flags': `00-${TRACE}-${SPAN}-1`,
    nothing: '',
    'something else': 'hello',
  }))
    test(`${what} is no context`, () => {
      assert.equal(parent(value), undefined)
    })

  test('what is sent is version 00, with the known flags alone', () => {
    assert.equal(formatTraceparent(parent(`cc-${TRACE}-${SPAN}-ff-tail`)!), `00-${TRACE}-${SPAN}-03`)
    assert.equal(formatTraceparent(parent(`00-${TRACE}-${SPAN}-08`)!), `00-${TRACE}-${SPAN}-00`)
  })

  test('an invalid tracestate leaves the traceparent valid', () => {
    const context = readTraceContext({ traceparent: [`00-${TRACE}-${SPAN}-01`], tracestate: ['=,=,='] })
    assert.equal(context?.traceId, TRACE)
    assert.equal(context?.state, undefined)
  })

  test('without a valid traceparent the tracestate is not looked at', () => {
    assert.equal(readTraceContext({ traceparent: [], tracestate: ['foo=1'] }), undefined)
  })

  const hex = (digits: number) =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((text) => !/^0*$/.test(text))

  test('what was written is read back', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, flags) => {
        assert.deepEqual(parent(formatTraceparent({ traceId, spanId, flags })), {
          traceId,
          spanId,
          flags,
          state: undefined,
        })
      }),
    )
  })

  test('any text is refused or becomes a context that can be sent', () => {
    const nearly = fc.stringMatching(/^[0-9a-fA-F]{1,3}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{1,3}[-.]?$/)
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (value) => {
        const context = parent(value)
        if (context !== undefined)
          assert.match(formatTraceparent(context), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/)
      }),
    )
  })
})

test('of any text the shape is judged as the pattern of the specification judges it', () => {
  const pattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const changed = fc
    .tuple(
      fc.nat(valid.length),
      fc.constantFrom(0, 1),
      fc.constantFrom('', '-', '0', 'f', 'g', 'F', '/', ':', '`', '\n', '\u2028'),
    )
    .map(([at, cut, put]) => valid.slice(0, at) + put + valid.slice(at + cut))
  const longer = changed.chain((text) =>
    fc.constantFrom('', '-', '-x', '-\n', '-\u2028x', '.').map((tail) => text + tail),
  )
  fc.assert(
    fc.property(longer, fc.constantFrom('00', '01', 'cc', 'fe', 'ff'), (text, version) => {
      const value = version + text.slice(2)
      const judged = value.startsWith('00') && value.length > valid.length ? false : pattern.test(value)
      // White space around the value does not count.
      if (value === value.trim())
        assert.equal(readTraceContext({ traceparent: [value], tracestate: [] }) !== undefined, judged, value)
    }),
    { numRuns: 2000 },
  )
})

test('all 256 flags are read as they were written', () => {
  for (let flags = 0; flags < 256; flags++) {
    const written = flags.toString(16).padStart(2, '0')
    assert.equal(parent(`00-${TRACE}-${SPAN}-${written}`)?.flags, flags)
  }
})
