import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusalLog } from '../../src/core/refusal-log.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'

test('a kind is said once in ten seconds, with how often it was not said, whatever the serial numbers', () => {
  const clock = new ManualClock()
  const said: any[] = []
  const none = (): void => {}
  const log = {
    debug: none,
    info: none,
    error: none,
    warn: (_: string, fields?: object) => said.push(fields),
  }
  const refusals = new RefusalLog(clock, log)
  for (let serial = 0; serial < 1000; serial++)
    refusals.warn('refused', `The certificate ABCDEF0123456${100000 + serial} is wrong.`, {})
  refusals.warn('refused', 'another reason', {})
  assert.equal(said.length, 2)
  clock.advance(10_000)
  refusals.warn('refused', 'The certificate ABCDEF012345678 is wrong.', {})
  assert.equal(said[2].unsaid, 999)
})

test('strangers cannot make more kinds than are kept', () => {
  const said: unknown[] = []
  const none = (): void => {}
  const log = { debug: none, info: none, error: none, warn: (line: string) => said.push(line) }
  const refusals = new RefusalLog(new ManualClock(), log)
  for (let at = 0; at < 10_000; at++) refusals.warn('refused', `reason ${at}`, {})
  assert.ok(said.length <= 65, `${said.length}`)
})
