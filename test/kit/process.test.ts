import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siblingOf, startProcess } from './process.ts'

const ledger = siblingOf(import.meta.url, './ledger-process')

test('a program that never gets ready is killed and its output shown', async (t) => {
  const never = startProcess(t, ledger, { ready: /never said/, readyWithinMs: 400 })
  await assert.rejects(never, /was not ready within 400 ms[\s\S]*ready \d+/)
})

test('a program that fails at once says so with its errors', async (t) => {
  const missing = startProcess(t, `${ledger}.missing`)
  await assert.rejects(missing, /ended before it was ready[\s\S]*Cannot find module|ERR_MODULE_NOT_FOUND/)
})

test('the end of the test ends the program', async () => {
  const cleanups: (() => unknown)[] = []
  const child = await startProcess({ after: (fn) => void cleanups.push(fn) }, ledger)
  assert.equal(child.exit, undefined)
  for (const clean of cleanups) await clean()
  assert.deepEqual(child.exit, { code: null, signal: 'SIGKILL' })
})
