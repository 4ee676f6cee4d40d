import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import type { TrustWire } from '../../src/core/plane-wire.ts'
import { writeBundle } from '../../src/identity/bundle.ts'
import type { Trust } from '../../src/identity/source.ts'
import { newerTrust } from '../../src/identity/trust.ts'
import { TestCa } from '../kit/certificates.ts'

const [one, two] = [TestCa.create(), TestCa.create()]
const EVIL = 'spiffe://test.example/ns/default/dc/dc1/svc/evil'

const wire = (sequence: number, cas: readonly TestCa[] = [one], denied: string[] = []): TrustWire => ({
  trustDomain: 'test.example',
  bundle: writeBundle(
    cas.map(({ root }) => root),
    sequence,
  ),
  denied,
})

function taken(next: TrustWire, known?: Trust, domain?: string): Trust {
  const trust = newerTrust(next, known, domain)
  assert.ok(!isMeshError(trust), String(trust))
  return trust
}

function refused(why: RegExp, next: TrustWire, known?: Trust, domain?: string): void {
  const error = newerTrust(next, known, domain)
  assert.ok(isMeshError(error) && error.code === 'TULLE_PLANE')
  assert.match(error.message, why)
}

test('FAULTS 33, 47: an older number, or other roots under a known one, change nothing', () => {
  const known = taken(wire(2))
  refused(/its number is 1, and we know 2/, wire(1, [one, two]), known)
  refused(/other roots than the one we know under its number, 2/, wire(2, [two]), known)
  assert.equal(taken(wire(3, [two]), known).bundle.roots.length, 1)
})

test('what says nothing new is the very same value; a ban is new under the same number', () => {
  const known = taken(wire(2))
  assert.equal(taken(wire(2), known), known)
  const banned = taken(wire(2, [one], [EVIL]), known)
  assert.ok(banned !== known && banned.denied.has(EVIL))
  assert.ok(!taken(wire(2), banned).denied.has(EVIL), 'a ban may be lifted')
})

test('FAULTS 47: a bundle that is empty or damaged is refused whole, its deny list with it', () => {
  const known = taken(wire(2))
  refused(/no root certificate/, { ...wire(3, [], [EVIL]) }, known)
  refused(/neither PEM nor JSON/, { ...wire(3), bundle: '{' }, known)
})

test('SECURITY 14: the trust domain is what we know or were told, never what an answer says', () => {
  const other = { ...wire(9), trustDomain: 'evil.example' }
  refused(/of the trust domain evil\.example, and ours is test\.example/, other, taken(wire(2)))
  refused(/ours is test\.example/, other, undefined, 'test.example')
  assert.equal(taken(wire(1)).bundle.trustDomain, 'test.example', 'where nothing has told it yet')
})
