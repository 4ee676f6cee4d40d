import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ambientStore } from '../../src/platform/als.ts'

test('what a request set is seen by everything it started and by nobody else', async () => {
  const seen = await Promise.all(
    [1, 2, 3].map((deadline) =>
      ambientStore.run({ deadline }, async () => {
        await setImmediate()
        return ambientStore.get()?.deadline
      }),
    ),
  )
  assert.deepEqual(seen, [1, 2, 3])
  assert.equal(ambientStore.get(), undefined)
})
