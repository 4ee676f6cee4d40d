import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { responseOf } from '../../src/http/lean-response.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

// As a later Node.js has it, before the first answer is made: like all methods it refuses strangers.
if (!('textStream' in Response.prototype))
  Object.defineProperty(Response.prototype, 'textStream', {
    configurable: true,
    writable: true,
    enumerable: true,
    value(this: Response): unknown {
      const used = Object.getOwnPropertyDescriptor(Response.prototype, 'bodyUsed')?.get?.call(this)
      if (used === true) throw new TypeError('Body is unusable')
      return this.body?.pipeThrough(new TextDecoderStream() as never)
    },
  })
// As a program may add it for itself.
Object.defineProperty(Response.prototype, 'outcome', {
  configurable: true,
  value(this: Response): Promise<string> {
    return this.text().then((text) => `${this.status} ${text}`)
  },
})

function complete(bytes: Uint8Array, ...headers: string[]): Response {
  const scripted = new ScriptedAnswer()
  scripted.head(200, ...headers)
  if (bytes.length > 0) scripted.answer.onData(Buffer.from(bytes))
  scripted.end()
  return responseOf(scripted.answer)
}

test('text is decoded as a real Response decodes it, whatever the bytes', async () => {
  const marked = fc.uint8Array().map((bytes) => new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]))
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array(), marked), async (bytes) => {
      assert.equal(await complete(bytes).text(), await new Response(bytes).text())
    }),
  )
})

test('it is an instance of Response, and passes for one', async () => {
  const res = complete(Buffer.from('{"a":1}'), 'Content-Type', 'application/json')
  assert.ok(res instanceof Response)
  assert.equal(res.constructor, Response)
  assert.equal(String(res), '[object Response]')
  const again = new Response(res.body, res)
  assert.equal(again.headers.get('content-type'), 'application/json')
  assert.deepEqual(await again.json(), { a: 1 })
})

test('every member a Response has, it has of its own', () => {
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(complete(new Uint8Array())))
  const theirs = Object.getOwnPropertyNames(Response.prototype).filter((name) => name !== 'outcome')
  assert.deepEqual(own.sort(), theirs.sort())
})

test('what only a later Node.js can, it can too, of the same body', async () => {
  const res = complete(Buffer.from('é')) as Response & { textStream(): AsyncIterable<string> }
  let all = ''
  for await (const text of res.textStream()) all += text
  assert.equal(all, 'é')
  assert.equal(res.bodyUsed, true)
  assert.throws(() => res.textStream(), TypeError)
})

test('what a program has added to every Response sees the answer as it is', async () => {
  const scripted = new ScriptedAnswer()
  scripted.head(503)
  scripted.end()
  const res = responseOf(scripted.answer) as Response & { outcome(): Promise<string> }
  assert.equal(await res.outcome(), '503 ')
})

test('a method taken from Response.prototype refuses it instead of telling something wrong', async () => {
  const res = complete(Buffer.from('x'))
  await assert.rejects(async () => Response.prototype.text.call(res), TypeError)
})
