import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { keptWords, notUsed, readKeptJson } from '../../src/control/kept-json.ts'
import { MemoryState } from '../kit/memory-state.ts'

const schema = z.object({ savedMs: z.number(), names: z.array(z.string()) })

test('what is there and fits is read, and nothing is nothing', async () => {
  const store = new MemoryState()
  assert.equal(await readKeptJson(store, 'a.json', schema), undefined)
  store.put('a.json', { savedMs: 5, names: ['one'] })
  assert.deepEqual(await readKeptJson(store, 'a.json', schema), { savedMs: 5, names: ['one'] })
})

test('what does not fit is named with its file and place, and none of its content is repeated', async () => {
  const store = new MemoryState()
  for (const [content, at] of [
    ['{"savedMs": 5, "names": ["secret"', /is damaged \(/],
    [{ savedMs: 5, names: ['fine', { secret: 'secret' }] }, /is damaged \(names\.1: /],
    [null, /is damaged \(/],
  ] as const) {
    store.put('a.json', content)
    await assert.rejects(readKeptJson(store, 'a.json', schema), (error: Error & { hint?: string }) => {
      assert.match(error.message, at)
      assert.match(error.message, /^a\.json in /)
      assert.doesNotMatch(error.message, /secret/)
      assert.match(error.hint ?? '', /Remove the file/)
      return true
    })
  }
})

test('a start that has nothing else says whether there was anything', () => {
  const why = notUsed(new MemoryState(), 'a.json', 'is another one').message
  assert.match(keptWords(undefined), /^nothing is kept/)
  assert.match(keptWords(why), /^what is kept is not used: a\.json in .* is another one$/)
})
