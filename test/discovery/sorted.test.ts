import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sorted } from '../../src/discovery/sorted.ts'

test('sorts like sort does, stably, whatever the length', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(20)), fc.constantFrom(1, 40, 400), async (list, times) => {
      const items = Array.from({ length: times }, () => list)
        .flat()
        .map((key, order) => ({ key, order }))
      const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key
      assert.deepEqual(await sorted(items, compare), [...items].sort(compare))
    }),
    { numRuns: 30 },
  )
  assert.deepEqual(await sorted([], () => 0), [])
})
