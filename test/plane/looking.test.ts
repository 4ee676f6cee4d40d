import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Looking } from '../../src/plane/looking.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { settled } from '../kit/fake-link.ts'
import { MemoryStore } from '../kit/memory-store.ts'

interface Look {
  readonly done: () => void
  readonly fail: () => void
}

function world() {
  const store = new MemoryStore()
  const clock = new ManualClock()
  const looks: Look[] = []
  const errors: string[] = []
  const looking = new Looking({
    store,
    prefix: 'a/',
    clock,
    look: () =>
      new Promise((resolve, reject) => {
        looks.push({ done: resolve, fail: () => reject(new Error('away')) })
      }),
    onError: ({ message }) => errors.push(message),
  })
  const changed = async (key = 'a/1'): Promise<void> => {
    await store.write(key, Buffer.from('x'))
    await settled()
  }
  const answer = async (how: keyof Look): Promise<void> => {
    looks.at(-1)?.[how]()
    await settled()
  }
  return { looks, errors, looking, clock, changed, answer }
}

test('a change below the prefix is looked at, another one is not', async () => {
  const { looks, changed } = world()
  await changed('b/1')
  assert.equal(looks.length, 0)
  await changed()
  assert.equal(looks.length, 1)
})

test('changes that come while one is looked at are looked at once, afterwards', async () => {
  const { looks, changed, answer } = world()
  await changed()
  await changed('a/2')
  await changed('a/3')
  assert.equal(looks.length, 1)
  await answer('done')
  assert.equal(looks.length, 2)
  await answer('done')
  assert.equal(looks.length, 2)
})

test('a change that could not be looked at is looked at again after a second, or with the next one', async () => {
  const { looks, errors, clock, changed, answer } = world()
  await changed()
  await answer('fail')
  assert.deepEqual(errors, ['away'])
  clock.advance(999)
  assert.equal(looks.length, 1)
  clock.advance(1)
  await answer('fail')
  assert.equal(looks.length, 2)
  await changed()
  await answer('done')
  assert.equal(looks.length, 3)
  clock.advance(10_000)
  await settled()
  assert.equal(looks.length, 3, 'it has been seen')
})

test('closed, nothing is looked at any more, and a failure under way is nobody’s', async () => {
  const { looks, errors, looking, clock, changed, answer } = world()
  await changed()
  looking.close()
  await answer('fail')
  await changed()
  clock.advance(10_000)
  await settled()
  assert.deepEqual([looks.length, errors], [1, []])
})
