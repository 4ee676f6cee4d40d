import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Result } from '../../../../examples/demo/result.ts'
import { columns, painted, unpainted } from '../../../../examples/demo/ui/paint.ts'
import { table } from '../../../../examples/demo/ui/table.ts'

const result: Result = {
  name: 'killed',
  held: true,
  requests: 612,
  failed: 0,
  p50Ms: 4.21,
  p99Ms: 38.4,
  plain: { sent: 41, failed: 2, executedTwice: 0 },
  shown: 'nobody noticed; in use again after 210 ms; 2 plain POSTs lost, not one repeated',
}

test('a row has the scene, its figures and what was shown', () => {
  const text = table([result], unpainted).join('\n')
  assert.match(text, /✔ killed {4,}612 {6}0 4\.2 ms {2}38 ms {3}41\/2 nobody noticed; in use/)
  assert.match(text, /not one repeated/)
})

test('a scene that did not hold is marked', () => {
  const text = table([{ ...result, held: false }], unpainted).join('\n')
  assert.match(text, /✘ killed/)
})

test('no line is wider than 80 columns, painted or not', () => {
  const figure = fc.nat({ max: 999_999 })
  const ms = fc.double({ min: 0, max: 99_000, noNaN: true })
  const results = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z ]{1,20}$/),
      held: fc.boolean(),
      requests: figure,
      failed: figure,
      p50Ms: ms,
      p99Ms: ms,
      plain: fc.record({ sent: figure, failed: figure, executedTwice: figure }),
      shown: fc.stringMatching(/^[ -~]{0,300}$/),
    }),
    { maxLength: 9 },
  )
  fc.assert(
    fc.property(results, (rows) => {
      for (const paint of [painted, unpainted])
        for (const line of table(rows, paint)) assert.ok(columns(line) <= 80, line)
    }),
  )
})
