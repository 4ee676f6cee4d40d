import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { asyncMark } from '../../src/platform/async-mark.ts'

test('what an action causes later is marked, and nothing else is', async () => {
  const [one, other] = [asyncMark(), asyncMark()]
  const seen: [boolean, boolean][] = []
  const look = async (): Promise<void> => {
    await setImmediate()
    seen.push([one.here, other.here])
  }
  const begun: Promise<void>[] = []
  one.run(() => void begun.push(look()))
  other.run(() => void begun.push(look()))
  begun.push(look())
  await Promise.all(begun)
  assert.deepEqual(seen, [
    [true, false],
    [false, true],
    [false, false],
  ])
})

test('an ended mark is on nothing any more', async () => {
  const mark = asyncMark()
  let here: boolean | undefined
  let late: Promise<void> | undefined
  mark.run(() => {
    late = setImmediate().then(() => {
      here = mark.here
    })
  })
  mark.end()
  await late
  assert.equal(here, false)
})
