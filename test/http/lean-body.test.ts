import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeanBody } from '../../src/http/lean-body.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

const toLength = (bytes: Buffer): number => bytes.length
const never = (): Promise<never> => Promise.reject(new Error('a real Response was asked'))

test('a body read whole never becomes a stream, be it there already or not', async () => {
  for (const early of [true, false]) {
    const scripted = new ScriptedAnswer()
    scripted.head()
    const feed = (): void => {
      scripted.data('ab')
      scripted.data('c')
      scripted.end()
    }
    const body = new LeanBody(scripted.answer)
    if (early) feed()
    const length = body.whole(toLength, never)
    assert.equal(body.used, true)
    if (!early) feed()
    assert.equal(await length, 3)
  }
})

test('read twice, it refuses in the words of a real Response', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head()
  scripted.end()
  const body = new LeanBody(scripted.answer)
  await body.whole(toLength, never)
  const used = new Response('x')
  await used.text()
  const expected = await used.text().catch((error: Error) => error.message)
  await assert.rejects(
    body.whole(toLength, async (real) => (await real.text()).length),
    { message: expected as string },
  )
  assert.throws(() => body.clone(), TypeError)
  assert.equal(body.real.body?.locked, true)
})

test('clones have the whole body each', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head(200, 'content-type', 'text/css')
  scripted.data('abc')
  const body = new LeanBody(scripted.answer)
  const copy = body.clone()
  scripted.end()
  assert.equal(await body.real.text(), 'abc')
  assert.equal((await copy.real.blob()).type, 'text/css')
})

test('forgotten, it gives its connection back; not while somebody reads', async () => {
  const unread = new ScriptedAnswer()
  unread.head()
  new LeanBody(unread.answer).forgotten()
  assert.equal(unread.aborted.length, 1)

  const reading = new ScriptedAnswer()
  reading.head()
  const body = new LeanBody(reading.answer)
  const length = body.whole(toLength, never)
  body.forgotten()
  assert.equal(reading.aborted.length, 0)
  reading.end()
  assert.equal(await length, 0)

  const streamed = new ScriptedAnswer()
  streamed.head()
  const other = new LeanBody(streamed.answer)
  const reader = other.real.body?.getReader()
  other.forgotten()
  assert.equal(streamed.aborted.length, 0)
  reader?.releaseLock()
  other.forgotten()
  assert.equal(streamed.aborted.length, 1)
})
