import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joined, streamOf } from '../../src/http/lean-stream.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

test('a stream passes on what comes while somebody reads, and closes at the end', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  scripted.data('a')
  scripted.data('b')
  const reader = streamOf(scripted.answer).getReader()
  assert.deepEqual((await reader.read()).value, new Uint8Array([97, 98]))
  const waiting = reader.read()
  scripted.data('c')
  assert.deepEqual((await waiting).value, new Uint8Array([99]))
  scripted.end()
  assert.equal((await reader.read()).done, true)
})

test('it gives copies: what a reader does to its bytes reaches nobody', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  const chunk = Buffer.from('abc')
  scripted.answer.onData(chunk)
  const { value } = await streamOf(scripted.answer).getReader().read()
  ;(value as Uint8Array).fill(0)
  assert.equal(chunk.toString(), 'abc')
})

test('a reader that gives up ends the call', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  await streamOf(scripted.answer).cancel('enough')
  assert.deepEqual(scripted.aborted, ['enough'])
})

test('a call that fails errors its stream, at once and whatever is unread', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  scripted.data('unread')
  const stream = streamOf(scripted.answer)
  scripted.answer.onError(new Error('broke'))
  await assert.rejects(stream.getReader().read(), { name: 'TypeError', message: 'terminated' })
})

test('chunks are joined without a copy where there is one', () => {
  const one = Buffer.from('a')
  assert.equal(joined([one]), one)
  assert.equal(joined([]).length, 0)
  assert.equal(joined([one, one]).toString(), 'aa')
})
