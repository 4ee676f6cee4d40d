import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { fault, type Standing } from '../../src/http/fault.ts'
import { certificateRefusal, HandshakeFailure, handshakeFailure } from '../../src/http/handshake.ts'

const alert = (reason: string): Error => Object.assign(new Error('08:error:0A:SSL routines'), { reason })
const AT: Standing = {
  phase: 'head',
  wrote: true,
  debut: 'TLSv1.3',
  committed: false,
  status: undefined,
  service: 'orders',
  endpoint: '10.0.0.1:80',
}
const brief = (error: unknown, at: Partial<Standing> = {}) => {
  const { condition, unsent, error: told } = fault(error, { ...AT, ...at })
  return [told?.code, condition, unsent ? 'unsent' : 'perhaps executed']
}

test('an alert about our certificate is read from what OpenSSL 1, 3 and later call it', () => {
  for (const version of ['sslv3', 'tlsv1', 'tlsv13', 'ssl/tls'])
    assert.match(certificateRefusal(alert(`${version} alert unknown ca`)) ?? '', /does not know the CA/)
  assert.equal(certificateRefusal(alert('tlsv1 alert internal error')), undefined)
  assert.equal(certificateRefusal(new Error('alert unknown ca')), undefined)
})

test('what was written before a TLS 1.3 server finished the handshake was not executed; anything later may have been', () => {
  const refused = alert('sslv3 alert certificate expired')
  assert.deepEqual(brief(refused), ['TULLE_TLS', 'connect-failure', 'unsent'])
  assert.deepEqual(brief(refused, { debut: undefined }), ['TULLE_TLS', 'reset', 'perhaps executed'])
  assert.deepEqual(brief(refused, { debut: 'TLSv1.2' }), ['TULLE_TLS', 'reset', 'perhaps executed'])
  assert.deepEqual(brief(refused, { status: 200, phase: 'body' }), ['TULLE_TLS', 'reset', 'perhaps executed'])
  assert.deepEqual(brief(alert('tlsv1 alert internal error')), ['TULLE_RESET', 'reset', 'perhaps executed'])
})

test('a connection that ends right after the handshake says what that may mean; a later end does not', () => {
  const gone = new Error('other side closed')
  assert.match(fault(gone, AT).error?.message ?? '', /peer that refuses our certificate/)
  assert.doesNotMatch(fault(gone, { ...AT, debut: undefined }).error?.message ?? '', /certificate/)
})

test('a refusal of the identity room keeps its code, its words and its hint', () => {
  const refused = new MeshError('TULLE_PEER', 'The peer is banned.', { hint: 'Ask who banned it.' })
  const failure = handshakeFailure(refused, false, true)
  assert.ok(failure instanceof HandshakeFailure)
  const { error, unsent } = fault(failure, { ...AT, phase: 'connect', wrote: false })
  assert.equal(error?.code, 'TULLE_PEER')
  assert.equal(error.message, 'orders: 10.0.0.1:80 is refused: The peer is banned.')
  assert.equal(error.hint, 'Ask who banned it.')
  assert.equal(unsent, true)
})

test('every alert and every OpenSSL code that has no words of its own is passed on as it is', () => {
  const words = (error: Error, unauthorized = false): string =>
    handshakeFailure(error, unauthorized, true).message
  assert.equal(words(alert('tlsv1 alert decode error')), 'refused the handshake: decode error')
  assert.equal(words(alert('unexpected message')), 'made no TLS handshake: unexpected message')
  assert.match(
    words(Object.assign(new Error('crl'), { code: 'CRL_HAS_EXPIRED' }), true),
    /does not verify: crl/,
  )
})
