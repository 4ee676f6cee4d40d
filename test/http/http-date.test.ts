import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHttpDate } from '../../src/http/http-date.ts'

test('every date the platform writes is read back to the second', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      assert.equal(parseHttpDate(date.toUTCString()), Math.floor(date.getTime() / 1000) * 1000)
    }),
  )
})

test('what is no HTTP date is nothing', () => {
  for (const text of [
    '',
    '0',
    'Thu, 01 Jan 1970 00:00:00',
    'Thu, 00 Jan 1970 00:00:00 GMT',
    'Thu, 01 Foo 1970 00:00:00 GMT',
    'Thursday, 01-Jan-70 00:00:00 GMT',
    'Thu, 01 Jan 1970 24:00:00 GMT',
    '2026-01-01T00:00:00Z',
  ])
    assert.equal(parseHttpDate(text), undefined, text)
})
