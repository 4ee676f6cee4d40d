import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { classifyEnd, classifyHead, rawHeader } from '../../src/http/classify.ts'

const NOW = Date.UTC(2026, 0, 1)
const head = (status: number, headers: Record<string, string> = {}) =>
  classifyHead(
    status,
    Object.entries(headers)
      .flat()
      .map((text) => Buffer.from(text)),
    () => NOW,
  )

test('every status has one class and one condition', () => {
  const table: [number, string, string | undefined][] = [
    [200, 'success', undefined],
    [204, 'success', undefined],
    [304, 'success', undefined],
    [404, 'success', undefined],
    [409, 'success', undefined],
    [429, 'failure', 'rate-limited'],
    [500, 'failure', '5xx'],
    [501, 'failure', '5xx'],
    [502, 'failure', 'gateway-error'],
    [503, 'failure', 'gateway-error'],
    [504, 'failure', 'gateway-error'],
    [505, 'failure', '5xx'],
    [599, 'failure', '5xx'],
  ]
  for (const [status, verdict, condition] of table) {
    const outcome = head(status)
    assert.deepEqual([outcome.class, outcome.condition, outcome.code], [verdict, condition, status])
    assert.equal(outcome.unsent, false)
    assert.equal(outcome.committed, false)
  }
})

test('Retry-After is read as seconds or as a date, where it means something and asks for no more than five minutes', () => {
  const after = (value: string, status = 503) => head(status, { 'Retry-After': value }).retryAfterMs
  assert.equal(after('2'), 2000)
  assert.equal(after('0'), 0)
  assert.equal(after('300'), 300_000)
  assert.equal(after('301'), undefined)
  assert.equal(after('2', 429), 2000)
  assert.equal(after('2', 500), undefined)
  assert.equal(after('2', 200), undefined)
  assert.equal(after('Thu, 01 Jan 2026 00:00:05 GMT'), 5000)
  assert.equal(after('Wed, 31 Dec 2025 23:59:55 GMT'), 0)
  for (const junk of ['-1', '1.5', 'soon', '', '1e3', 'Thu, 99 Jan 2026 00:00:05 GMT'])
    assert.equal(after(junk), undefined)
})

test('a draining peer executed nothing; one that was too late to ask says nothing of itself', () => {
  const draining = head(503, { 'X-Tulle-Refused': 'TULLE_DRAINING' })
  assert.deepEqual([draining.class, draining.condition, draining.unsent], ['failure', 'refused-stream', true])
  const late = head(504, { 'x-tulle-refused': 'TULLE_TOO_LATE' })
  assert.deepEqual([late.class, late.condition, late.retryAfterMs], ['undecided', undefined, -1])
  assert.equal(classifyEnd(late, true).class, 'ignored')
})

test('a peer that ends the connection because of a certificate executed nothing: another may be asked', () => {
  for (const [status, code] of [
    [403, 'TULLE_PEER'],
    [426, 'TULLE_PLAINTEXT_REFUSED'],
    [503, 'TULLE_IDENTITY'],
    [503, 'TULLE_IDENTITY_EXPIRED'],
  ] as const) {
    const refused = head(status, { 'x-tulle-refused': code })
    assert.deepEqual([refused.class, refused.condition, refused.unsent], ['failure', 'refused-stream', true])
    assert.equal(classifyEnd(refused, true).unsent, false)
  }
  assert.equal(head(403).class, 'success')
  assert.equal(head(426).class, 'success')
})

test('the word of a peer that it refused counts with its own status alone, and only for what is known', () => {
  for (const status of [200, 403, 404, 426, 500, 502, 504])
    assert.equal(head(status, { 'x-tulle-refused': 'TULLE_DRAINING' }).unsent, false)
  for (const status of [200, 404, 503])
    assert.equal(head(status, { 'x-tulle-refused': 'TULLE_PEER' }).unsent, false)
  assert.equal(head(503, { 'x-tulle-refused': 'TULLE_HANDLER' }).unsent, false)
})

test('server-sent events have no natural end', () => {
  assert.equal(head(200, { 'Content-Type': 'Text/Event-Stream; charset=utf-8' }).streaming, true)
  assert.equal(head(200, { 'content-type': 'text/plain' }).streaming, false)
  assert.equal(head(503, { 'content-type': 'text/event-stream' }).streaming, false)
})

test('a header is found whatever the case of its name, the first of several', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a-b', 'A-B', 'a-c', 'x')), (names) => {
      const raw = names.flatMap((name, i) => [Buffer.from(name), Buffer.from(String(i))])
      const index = names.findIndex((name) => name.toLowerCase() === 'a-b')
      assert.equal(rawHeader(raw, 'a-b'), index < 0 ? undefined : String(index))
    }),
  )
})
