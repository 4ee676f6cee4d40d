import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { redactUrl } from '../../src/telemetry/redact.ts'

test('user names and passwords are replaced', () => {
  assert.equal(redactUrl('http://me:secret@orders.mesh/a'), 'http://REDACTED:REDACTED@orders.mesh/a')
  assert.equal(redactUrl('http://token@orders.mesh'), 'http://REDACTED@orders.mesh')
  assert.equal(redactUrl('http://a:b@c@orders.mesh/'), 'http://REDACTED:REDACTED@orders.mesh/')
  assert.equal(redactUrl('http://a:b@orders.mesh?x=1'), 'http://REDACTED:REDACTED@orders.mesh?x=1')
})

test('an @ after the authority is nobody’s name', () => {
  assert.equal(redactUrl('http://orders.mesh/@me/a@b?c=d@e'), 'http://orders.mesh/@me/a@b?c=d@e')
})

test('values that sign are replaced, whatever the case and however the name is escaped', () => {
  for (const name of [
    'sig',
    'Signature',
    'AWSAccessKeyId',
    'X-Goog-Signature',
    'x-amz-signature',
    '%73ig',
    'SIG',
  ])
    assert.equal(
      redactUrl(`http://s.mesh/a?x=1&${name}=secret&y=2`),
      `http://s.mesh/a?x=1&${name}=REDACTED&y=2`,
    )
})

test('the rest stays as it was written, and the fragment goes', () => {
  assert.equal(
    redactUrl('http://s.mesh/a%2Fb?q=%20&sigma=1&sig#top'),
    'http://s.mesh/a%2Fb?q=%20&sigma=1&sig',
  )
})

test('a secret never comes through, wherever the URL puts it', () => {
  const secret = 'S3CR3T'
  const part = fc.stringMatching(/^[a-z0-9%._~-]{0,8}$/)
  const name = fc.constantFrom('sig', 'Signature', 'AWSAccessKeyId', 'X-Amz-Signature', 's%69g')
  fc.assert(
    fc.property(part, part, name, fc.array(part), fc.nat(), (user, path, key, pairs, at) => {
      const query = [...pairs]
      query.splice(at % (pairs.length + 1), 0, `${key}=${secret}`)
      const url = `http://${user}:${secret}@orders.mesh/${path}?${query.join('&')}#${secret}`
      assert.equal(redactUrl(url).includes(secret), false)
    }),
  )
})
