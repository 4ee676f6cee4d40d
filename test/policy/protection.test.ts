import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MTLS_MODES, type MtlsMode } from '../../src/core/identity.ts'
import { protectionOf } from '../../src/policy/protection.ts'
import { FakeEndpoint, FakeService } from '../kit/builders.ts'

interface Case {
  readonly local?: MtlsMode
  readonly written?: boolean
  readonly policy?: MtlsMode
  readonly says?: MtlsMode
  readonly identified?: boolean
}

function outcomeOf({ local = 'strict', written = false, policy, says, identified = true }: Case): string {
  const service = new FakeService(policy === undefined ? {} : { mtls: policy })
  const endpoint = Object.assign(new FakeEndpoint(service), { mtls: says })
  const protection = protectionOf(endpoint, { mode: local, written }, identified)
  return typeof protection === 'string' ? protection : protection.refuse().code
}

test('strict is TLS whatever an endpoint says; one that offers none is refused', () => {
  for (const says of [undefined, 'strict', 'permissive'] as const)
    assert.equal(outcomeOf(says === undefined ? {} : { says }), 'tls')
  assert.equal(outcomeOf({ says: 'disable' }), 'TULLE_PLAINTEXT_REFUSED')
})

test('permissive is TLS unless the endpoint says that it has none', () => {
  assert.equal(outcomeOf({ policy: 'permissive' }), 'tls')
  assert.equal(outcomeOf({ policy: 'permissive', says: 'permissive' }), 'tls')
  assert.equal(outcomeOf({ policy: 'permissive', says: 'disable' }), 'plaintext')
})

test('what a registry says never makes a call go out in plaintext where the mode is strict', () => {
  for (const policy of [undefined, ...MTLS_MODES])
    for (const local of MTLS_MODES)
      for (const written of [false, true])
        for (const identified of [false, true])
          for (const says of [undefined, ...MTLS_MODES]) {
            const allowed = [policy, local].some((mode) => mode === 'permissive' || mode === 'disable')
            const result = outcomeOf({
              local,
              written,
              identified,
              ...(policy && { policy }),
              ...(says && { says }),
            })
            if (!allowed || policy === 'strict')
              assert.notEqual(result, 'plaintext', JSON.stringify({ policy, local, says }))
            if (written && local === 'strict') assert.notEqual(result, 'plaintext')
          }
})

test('without an identity nothing changes, unless mutual TLS is demanded', () => {
  assert.equal(outcomeOf({ local: 'disable', identified: false }), 'plaintext')
  assert.equal(outcomeOf({ local: 'disable', identified: false, policy: 'permissive' }), 'plaintext')
  assert.equal(outcomeOf({ local: 'disable', identified: false, policy: 'strict' }), 'TULLE_IDENTITY')
})

test('the refusal of plaintext names the endpoint, the service and where to allow it', () => {
  const service = new FakeService()
  const endpoint = Object.assign(new FakeEndpoint(service, 4007), { mtls: 'disable' as const })
  const protection = protectionOf(endpoint, { mode: 'strict', written: false }, true)
  assert.ok(typeof protection === 'object')
  const { message, hint, refusal } = protection.refuse()
  assert.match(message, /orders: 127\.0\.0\.1:4007 speaks plaintext only/)
  assert.match(hint, /mtls: permissive.*services\.orders/)
  assert.equal(refusal, false, 'another endpoint may do')
})
