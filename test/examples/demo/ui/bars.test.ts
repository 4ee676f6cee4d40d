import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bar, sparkline, stretch } from '../../../../examples/demo/ui/bars.ts'
import { columns } from '../../../../examples/demo/ui/paint.ts'

const anyNumber = fc.oneof(fc.double(), fc.double({ min: 0, max: 1, noNaN: true }))
const width = fc.integer({ min: 1, max: 60 })

test('a bar is as wide as it was asked to be, whatever the fraction', () => {
  fc.assert(fc.property(anyNumber, width, (fraction, w) => columns(bar(fraction, w)) === w))
})

test('a bar is filled to an eighth of a column', () => {
  assert.equal(bar(0, 4), '    ')
  assert.equal(bar(0.5, 4), '██  ')
  assert.equal(bar(1 / 32, 4), '▏   ')
  assert.equal(bar(1, 4), '████')
})

test('a bar never grows shorter as its fraction grows', () => {
  const filled = (fraction: number): string => bar(fraction, 8).trimEnd()
  for (let i = 1; i <= 64; i++) assert.ok(filled(i / 64).length >= filled((i - 1) / 64).length)
})

test('a sparkline shows the last values, and is as wide as it was asked to be', () => {
  assert.equal(sparkline([0, 7], 4, 7), '  ▁█')
  assert.equal(sparkline([9, 9, 9, 0, 7], 2, 7), '▁█')
  fc.assert(
    fc.property(fc.array(anyNumber, { maxLength: 80 }), width, anyNumber, (values, w, top) => {
      return columns(sparkline(values, w, top)) === w
    }),
  )
})

test('a stretch of time is at least one column, inside its line', () => {
  assert.equal(stretch(0, 1, 4), '━━━━')
  assert.equal(stretch(0.5, 0.75, 4), '  ━ ')
  assert.equal(stretch(1, 1, 4), '   ━')
  fc.assert(
    fc.property(anyNumber, anyNumber, width, (from, to, w) => {
      const line = stretch(from, to, w)
      return columns(line) === w && line.includes('━')
    }),
  )
})
