import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Closers } from '../../src/plane/closers.ts'

test('what was opened last is closed first, each once', async () => {
  const closers = new Closers()
  const closed: string[] = []
  for (const name of ['lock', 'log', 'server'])
    closers.add(async () => {
      await Promise.resolve()
      closed.push(name)
    })
  await closers.close()
  await closers.close()
  assert.deepEqual(closed, ['server', 'log', 'lock'])
})

test('the rest is closed where one fails, and the first failure is told', async () => {
  const closers = new Closers()
  const closed: string[] = []
  closers.add(() => closed.push('lock'))
  closers.add(() => Promise.reject(new Error('second')))
  closers.add(() => {
    throw new Error('first')
  })
  await assert.rejects(closers.close(), /first/)
  assert.deepEqual(closed, ['lock'])
})
