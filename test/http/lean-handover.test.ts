import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { handOver } from '../../src/http/lean-handover.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

const nowhere = {
  dispatch(): never {
    throw new Error('a second request')
  },
}

test('the built-in fetch is told of the answer from its head, and then lets the bytes come', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head(200, 'content-encoding', 'gzip')
  const response = handOver(scripted.answer, fetch, nowhere)
  assert.equal(scripted.resumed, 1)
  scripted.answer.onData(gzipSync('zipped'))
  scripted.end()
  assert.equal(await (await response).text(), 'zipped')
})

test('a call that failed meanwhile fails there too', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head(302, 'location', '/')
  const error = new Error('broke')
  scripted.answer.onError(error)
  await assert.rejects(handOver(scripted.answer, fetch, nowhere), { message: 'fetch failed' })
})

test('where the signal aborts before it goes on, the call is given up', async () => {
  const controller = new AbortController()
  const scripted = new ScriptedAnswer({ signal: controller.signal })
  scripted.head(302, 'location', '/')
  const aborting = (async (...given: Parameters<typeof fetch>) => {
    controller.abort('enough')
    return fetch(...given)
  }) as typeof fetch
  await assert.rejects(handOver(scripted.answer, aborting, nowhere), (thrown) => thrown === 'enough')
  assert.equal(scripted.aborted[0], 'enough')
})

test('only what the caller said is said again', async () => {
  const scripted = new ScriptedAnswer({ method: 'POST', body: 'text', headers: { 'X-A': 'b' } })
  scripted.head(302, 'location', '/')
  let init: RequestInit | undefined
  const recording = (async (_url: string, given: RequestInit) => {
    init = given
    return new Response()
  }) as typeof fetch
  await handOver(scripted.answer, recording, nowhere)
  assert.deepEqual(init?.headers, [
    ['X-A', 'b'],
    ['content-type', 'text/plain;charset=UTF-8'],
  ])
  assert.equal(init?.body, 'text')
})
