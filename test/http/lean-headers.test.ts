import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { copyHeaders } from '../../src/http/headers.ts'
import { LeanHeaders } from '../../src/http/lean-headers.ts'
import { leanly } from '../kit/lean.ts'

/** What the built-in fetch would send; undefined: it refuses. */
async function builtIn(init: unknown): Promise<unknown> {
  let sent: unknown
  const dispatcher = {
    dispatch(options: { headers: never }): never {
      sent = copyHeaders(options.headers).flat
      throw new Error('nothing is sent')
    },
  }
  await fetch('http://orders.mesh/', { ...(init as object), dispatcher } as unknown as RequestInit).catch(
    () => {},
  )
  return sent
}

const name = fc.constantFrom(
  'X-A',
  'x-a',
  'x-b',
  'Accept',
  'accept-language',
  'User-Agent',
  'Content-Type',
  'accept-encoding',
  '7',
  'if-match',
  'cookie',
  'x y',
  '',
)
const value = fc.oneof(fc.constantFrom('a', 'a, b', '', ' a', 'é', 'a\r\nb', '☃'), fc.string())
const headers = fc.oneof(fc.dictionary(name, value), fc.array(fc.tuple(name, value)))

test('a request has the headers the built-in fetch gives it, or is none for the lean one', async () => {
  const body = fc.constantFrom(undefined, '', 'text', new URLSearchParams('a=b'), new Uint8Array(3))
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE')
  let lean = 0
  await fc.assert(
    fc.asyncProperty(headers, body, method, async (headers, body, method) => {
      const init = { headers, body, method }
      const request = leanly('http://orders.mesh/', init)
      if (request === undefined) return
      lean++
      assert.deepEqual(request.headers.flat, await builtIn(init))
    }),
    { numRuns: 500 },
  )
  assert.ok(lean > 50, `${lean} lean`)
})

test('two calls do not share their headers', () => {
  const [one, two] = [leanly('http://orders.mesh/'), leanly('http://orders.mesh/')]
  one?.headers.addHost('orders.mesh')
  assert.ok(!two?.headers.flat.includes('host'))
})

test('defaults of another shape are not learned', () => {
  assert.equal(LeanHeaders.learn([]), undefined)
  assert.equal(LeanHeaders.learn(['accept', '*/*', 'content-length', '1']), undefined)
  assert.equal(LeanHeaders.learn(['content-type', 'a', 'accept', '*/*']), undefined)
  assert.equal(LeanHeaders.learn(['content-type', 'a', 'content-length', ['1', '2']]), undefined)
})

test('a default nobody knows is sent, and a caller that says it itself is left to the built-in fetch', () => {
  const like = LeanHeaders.learn(['content-type', 'a', 'content-length', '1', 'x-new', 'yes'])
  assert.deepEqual(like?.of(undefined, undefined, undefined)?.checked.flat, ['x-new', 'yes'])
  assert.equal(like?.of({ 'X-New': 'no' }, undefined, undefined), undefined)
})
