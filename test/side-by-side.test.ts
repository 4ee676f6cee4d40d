import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Part } from '../src/core/ports.ts'
import { SideBySide } from '../src/side-by-side.ts'

function world(...fates: readonly (Error | undefined)[]) {
  const calls: string[] = []
  const ends: (() => void)[] = []
  const parts = fates.map(
    (fate, at): Part => ({
      name: `part ${at}`,
      start: (signal) =>
        new Promise((resolve, reject) => {
          calls.push(`start ${at}`)
          signal.addEventListener('abort', () => reject(signal.reason))
          ends.push(() => (fate === undefined ? resolve() : reject(fate)))
        }),
      close: async () => {
        calls.push(`close ${at}`)
        if (fate !== undefined) throw fate
      },
    }),
  )
  return { calls, ends, whole: new SideBySide(parts) }
}

const signal = new AbortController().signal

test('all of them start at once, and the whole has started when the last one has', async () => {
  const { calls, ends, whole } = world(undefined, undefined)
  assert.equal(whole.name, 'part 0 and part 1')
  let started = false
  const starting = whole.start(signal).then(() => {
    started = true
  })
  assert.deepEqual(calls, ['start 0', 'start 1'])
  ends[1]?.()
  await new Promise(setImmediate)
  assert.equal(started, false)
  ends[0]?.()
  await starting
})

test('of several failures the first in order is told, whichever came first, and none is left unhandled', async () => {
  const { ends, whole } = world(undefined, new Error('one'), new Error('two'))
  const starting = whole.start(signal)
  for (const end of ends.toReversed()) end()
  await assert.rejects(starting, { message: 'one' })
})

test('a start that is broken off is broken off in all of them', async () => {
  const { whole } = world(undefined, undefined)
  const controller = new AbortController()
  const starting = whole.start(controller.signal)
  controller.abort(new Error('late'))
  await assert.rejects(starting, { message: 'late' })
})

test('all are closed, although one fails to', async () => {
  const { calls, whole } = world(new Error('no'), undefined)
  await assert.rejects(whole.close(), { message: 'no' })
  assert.deepEqual(calls, ['close 0', 'close 1'])
})
