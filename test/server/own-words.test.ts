import assert from 'node:assert/strict'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { withoutOurWords } from '../../src/server/own-words.ts'

const response = (): ServerResponse => new ServerResponse({ method: 'GET' } as IncomingMessage)

test('our word is left out of the headers of writeHead in every form, and nothing else is', () => {
  const given: unknown[] = []
  const written = (...args: unknown[]): unknown => {
    const res = response()
    res.writeHead = ((...passed: unknown[]) => {
      given.push(passed.at(-1))
      return res
    }) as never
    withoutOurWords(res)
    ;(res.writeHead as (...all: unknown[]) => unknown)(503, ...args)
    return given.at(-1)
  }
  assert.deepEqual(written({ a: '1', 'X-Tulle-Refused': 'x' }), { a: '1' })
  assert.deepEqual(written('No', ['X-Tulle-Refused', 'x', 'a', 'x-tulle-refused']), ['a', 'x-tulle-refused'])
  assert.deepEqual(
    written([
      ['x-tulle-refused', 'x'],
      ['a', '1'],
    ]),
    [['a', '1']],
  )
  const plain = { a: '1' }
  assert.equal(written(plain), plain)
  assert.equal(written(), 503)
})

test('a head that was sent already fails as it does without us', () => {
  const res = response()
  withoutOurWords(res)
  res.writeHead(200)
  assert.throws(() => res.writeHead(200), { code: 'ERR_HTTP_HEADERS_SENT' })
})

test('all responses share one function, for one of its own on each keeps them alive', () => {
  const [one, other] = [response(), response()]
  withoutOurWords(one)
  withoutOurWords(other)
  assert.equal(one.writeHead, other.writeHead)
})

test('of the headers and a reason that is none, those count that count without us', () => {
  const res = response()
  withoutOurWords(res)
  ;(res.writeHead as (...all: unknown[]) => unknown)(200, { a: '1' }, { b: '2' })
  assert.deepEqual([res.getHeader('a'), res.getHeader('b')], [undefined, undefined])
  assert.match((res as unknown as { _header: string })._header, /b: 2/)
})
