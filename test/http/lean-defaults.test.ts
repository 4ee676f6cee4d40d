import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FetchDefaults } from '../../src/http/lean-defaults.ts'

test('the first call learns what the built-in fetch adds, for each scheme, and asks no more', () => {
  let asked = 0
  const defaults = new FetchDefaults(((...given: [string]) => {
    asked++
    return fetch(...given)
  }) as typeof fetch)
  const flat = defaults.of('http:')?.of(undefined, undefined, undefined)?.checked.flat
  assert.ok(flat?.includes('user-agent'))
  assert.match(String(flat?.[flat.indexOf('accept-encoding') + 1]), /gzip/)
  const secure = defaults.of('https:')?.of(undefined, undefined, undefined)?.checked.flat
  assert.match(String(secure?.[secure.indexOf('accept-encoding') + 1]), /br/)
  assert.equal(asked, 2)
})

test('whatever stands in the place of the built-in fetch does no harm', () => {
  for (const stub of [() => undefined, () => assert.fail('not here'), () => Promise.reject(new Error('no'))])
    assert.equal(new FetchDefaults(stub as unknown as typeof fetch).of('https:'), undefined)
})

test('a fetch that is not the runtime’s own, and sends nothing through the dispatcher it is given, teaches nothing', async () => {
  const mocked = new FetchDefaults((async () => new Response('mocked')) as typeof fetch)
  assert.equal(mocked.of('http:'), undefined)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(mocked.of('http:'), undefined)
})
