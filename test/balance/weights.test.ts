import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drawByWeight, sameWeights } from '../../src/balance/weights.ts'
import { makeEndpoints } from '../contract/picker.ts'

test('weights that are all equal say nothing', () => {
  assert.equal(sameWeights(makeEndpoints([])), true)
  assert.equal(sameWeights(makeEndpoints([0, 0])), true)
  assert.equal(sameWeights(makeEndpoints([7, 7, 7])), true)
  assert.equal(sameWeights(makeEndpoints([1, 2])), false)
})

test('the columns of the table hold exactly the share of each weight', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 40 }), (weights) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      fc.pre(total > 0)
      const cells = 1_000
      let turn = 0
      // Evenly spaced numbers instead of random ones: the share comes out without chance.
      const grid = (): number => (turn++ + 0.5) / (cells * weights.length)
      const draw = drawByWeight(makeEndpoints(weights), grid)
      const counts = new Array<number>(weights.length).fill(0)
      for (let n = 0; n < cells * weights.length; n++) {
        const index = draw()
        counts[index] = (counts[index] as number) + 1
      }
      weights.forEach((weight, n) => {
        const expected = (weight / total) * cells * weights.length
        assert.ok(Math.abs(counts[n]! - expected) <= weights.length + 1, `${counts[n]} for ${expected}`)
        if (weight === 0) assert.equal(counts[n], 0)
      })
    }),
  )
})
