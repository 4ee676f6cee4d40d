import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Credentials } from '../../src/core/credentials.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa } from '../kit/certificates.ts'
import { TestIdentity } from '../kit/test-identity.ts'

const ca = TestCa.create()

test('whether we may call is asked of the wall once a second at most, and to the millisecond where the certificate ends', () => {
  const clock = new ManualClock()
  let reads = 0
  const wall = (): number => {
    reads++
    return 1_700_000_000_000 + clock.now()
  }
  const identity = new TestIdentity({ ca, wall: () => 1_700_000_000_000 + clock.now() })
  identity.take(ca, { lifetimeMs: 2500 })
  const credentials = new Credentials(identity, clock, wall)
  for (let call = 0; call < 1000; call++) assert.equal(credentials.refusal(clock.now()), undefined)
  assert.equal(reads, 1)
  clock.advance(2499)
  assert.equal(credentials.refusal(clock.now()), undefined)
  clock.advance(1)
  assert.equal(credentials.refusal(clock.now())?.code, 'TULLE_IDENTITY_EXPIRED')
  identity.take(ca)
  assert.equal(credentials.refusal(clock.now()), undefined, 'the first call after the renewal goes out')
})

test('before the first certificate every call is refused, and the first one after it is not', () => {
  const clock = new ManualClock()
  const identity = new TestIdentity({ ca, bare: true })
  const credentials = new Credentials(identity, clock, Date.now)
  assert.equal(credentials.refusal(clock.now())?.code, 'TULLE_IDENTITY')
  identity.take(ca)
  assert.equal(credentials.refusal(clock.now()), undefined)
})
