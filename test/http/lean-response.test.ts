import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { responseOf } from '../../src/http/lean-response.ts'
import { ScriptedAnswer } from '../kit/lean.ts'

// A method of a later Node.js, there before the first answer is made: like all of them it refuses strangers.
Object.defineProperty(Response.prototype, 'later', {
  configurable: true,
  writable: true,
  enumerable: true,
  value(this: Response, suffix: string): Promise<string> {
    return Response.prototype.text.call(this).then((text) => text + suffix)
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
  assert.deepEqual(own.sort(), Object.getOwnPropertyNames(Response.prototype).sort())
})

test('what only a later Node.js can, it can too, of the same body', async () => {
  const res = complete(Buffer.from('x')) as Response & { later(suffix: string): Promise<string> }
  assert.equal(await res.later('y'), 'xy')
  assert.equal(res.bodyUsed, true)
  await assert.rejects(async () => res.later('y'), TypeError)
})

test('a method taken from Response.prototype refuses it instead of telling something wrong', async () => {
  const res = complete(Buffer.from('x'))
  await assert.rejects(async () => Response.prototype.text.call(res), TypeError)
})
