import assert from 'node:assert/strict'
import { getDefaultHighWaterMark } from 'node:stream'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import type { Sink } from '../../src/http/lean-answer.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

class Recorder implements Sink {
  woken = 0
  errors: unknown[] = []
  wake(): void {
    this.woken++
  }
  fail(error: unknown): void {
    this.errors.push(error)
  }
}

test('a body nobody reads makes the peer wait once there is as much of it as fetch keeps; taking it lets it go on', () => {
  const scripted = new ScriptedAnswer()
  assert.equal(scripted.head(), true)
  const half = 'x'.repeat(getDefaultHighWaterMark(false) / 2)
  assert.equal(scripted.data(half), true)
  assert.equal(scripted.data(half), false)
  scripted.answer.read(new Recorder(), false)
  assert.equal(scripted.resumed, 0)
  assert.equal(scripted.answer.take().length, 2)
  assert.equal(scripted.resumed, 1)
})

test('who wants all of it makes nobody wait', () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  scripted.data('x'.repeat(getDefaultHighWaterMark(false)))
  scripted.answer.read(new Recorder(), true)
  assert.equal(scripted.resumed, 1)
  assert.equal(scripted.data('x'.repeat(getDefaultHighWaterMark(false))), true)
})

test('answers that mean more than themselves, or are not to be told by our Headers, wait at their head, with the bytes still to come', () => {
  for (const status of [301, 302, 303, 307, 308, 401, 407, 421]) {
    const scripted = new ScriptedAnswer()
    assert.equal(scripted.head(status), false)
    assert.equal(scripted.answer.exceptional, true)
  }
  const compressed = new ScriptedAnswer()
  assert.equal(compressed.head(200, 'Content-Encoding', 'gzip'), false)
  const padded = new ScriptedAnswer()
  assert.equal(padded.head(200, 'x-a', 'padded '), false)
  const without = new ScriptedAnswer({ method: 'HEAD' })
  assert.equal(without.head(200, 'content-encoding', 'gzip'), true)
})

test('a failure before the head is the MeshError itself; after it, fetch’s "terminated" with it as the cause', async () => {
  const error = new MeshError('TULLE_RESET', 'broke', { layer: 'http' })
  const early = new ScriptedAnswer()
  early.answer.onError(error)
  await assert.rejects(early.answer.head, (thrown) => thrown === error)
  const late = new ScriptedAnswer()
  late.head()
  late.data('half')
  late.answer.onError(error)
  assert.throws(
    () => late.answer.take(),
    (thrown: Error) => thrown instanceof TypeError && thrown.cause === error,
  )
})

test('the signal ends the call, also one that has come whole and was not read; not one that was', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const [waiting, unread, read] = [1, 2, 3].map(() => new ScriptedAnswer({ signal })) as ScriptedAnswer[]
  for (const one of [unread, read]) {
    one?.head()
    one?.data('x')
    one?.end()
  }
  read?.answer.take()
  read?.answer.close()
  const rejected = assert.rejects((waiting as ScriptedAnswer).answer.head, (thrown) => thrown === 'enough')
  controller.abort('enough')
  await rejected
  assert.deepEqual(waiting?.aborted, ['enough'])
  assert.throws(
    () => unread?.answer.take(),
    (thrown) => thrown === 'enough',
  )
  assert.equal(read?.answer.failed, false)
})

test('1xx is not the answer', () => {
  const scripted = new ScriptedAnswer()
  scripted.head(103)
  assert.equal(scripted.answer.status, 0)
  scripted.head(200)
  assert.equal(scripted.answer.status, 200)
})
