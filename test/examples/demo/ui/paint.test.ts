import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { columns, fit, painted, paintFor, unpainted, wrap } from '../../../../examples/demo/ui/paint.ts'

test('colours are for a terminal whose user did not refuse them', () => {
  assert.equal(paintFor(true, {}), painted)
  assert.equal(paintFor(false, {}), unpainted)
  assert.equal(paintFor(true, { NO_COLOR: '1' }), unpainted)
  assert.equal(paintFor(true, { NO_COLOR: '' }), painted)
  assert.equal(paintFor(true, { TERM: 'dumb' }), unpainted)
})

test('a painted text takes the columns of the plain one', () => {
  assert.equal(columns(painted('red', 'abc')), 3)
  assert.equal(columns(painted('bold', painted('cyan', '→ ok'))), 4)
})

test('fitting pads on the side asked for, and cuts with an ellipsis', () => {
  assert.equal(fit('ab', 4), 'ab  ')
  assert.equal(fit('ab', 4, 'right'), '  ab')
  assert.equal(fit('abcdef', 4), 'abc…')
  assert.equal(fit('abc', 0), '')
})

test('a fitted text has exactly the width', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), fc.integer({ min: 0, max: 90 }), (text, width) => {
      return columns(fit(text, width)) === width
    }),
  )
})

test('wrapped lines stay within the width and lose no word', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z.,]{1,40}$/), { maxLength: 30 }),
      fc.integer({ min: 5, max: 80 }),
      (words, width) => {
        const lines = wrap(words.join(' '), width)
        assert.ok(lines.every((line) => columns(line) <= width && line !== ''))
        assert.equal(lines.join('').replaceAll(' ', ''), words.join(''))
      },
    ),
  )
})
