import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { readBundle } from '../../src/identity/bundle.ts'
import { trustOfRoots } from '../../src/identity/consul-roots.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { TestCa } from '../kit/certificates.ts'

const trustDomain = 'a.consul'
const AGENT = 'http://127.0.0.1:8500'
const one = TestCa.create({ trustDomain })
const two = TestCa.create({ trustDomain })
const below = one.intermediate()

const listed = (ca: TestCa, more: object = {}) => ({ ID: '17:39', RootCert: ca.rootPem, ...more })
const answer = (roots: unknown, more: object = {}) => ({
  ActiveRootID: '17:39',
  TrustDomain: trustDomain,
  Roots: roots,
  ...more,
})

function refused(body: unknown, words: RegExp): void {
  assert.throws(
    () => trustOfRoots(body, Date.now(), AGENT),
    (error: unknown) => {
      assert.ok(isMeshError(error) && error.code === 'TULLE_CONSUL', String(error))
      assert.match(error.message, words)
      return true
    },
  )
}

test('every root that is listed is believed, active or not; intermediates are not', () => {
  const intermediate = pemOf('CERTIFICATE', below.certificate)
  const { wire, againMs } = trustOfRoots(
    answer([
      listed(one, { Active: true, IntermediateCerts: [intermediate], PrivateKeyBits: 256 }),
      listed(two, { Active: false, IntermediateCerts: null, RotatedOutAt: '2026-11-21T11:55:34Z' }),
    ]),
    Date.now(),
    AGENT,
  )
  assert.equal(againMs, undefined)
  const bundle = readBundle(wire.bundle, trustDomain)
  assert.ok(!isMeshError(bundle))
  assert.deepEqual(
    bundle.roots.map((root) => Buffer.from(root)),
    [Buffer.from(one.root), Buffer.from(two.root)],
  )
  assert.deepEqual([wire.trustDomain, wire.denied], [trustDomain, []])
})

test('an answer with anything wrong in what is read is refused whole, and what is newer is passed over', () => {
  refused(undefined, /agent at http:\/\/127\.0\.0\.1:8500 .*malformed/)
  refused([], /malformed/)
  refused(answer(null), /Roots: /)
  refused(answer([]), /Roots: /)
  refused(answer([listed(one), { RootCert: 7 }]), /Roots\.1\.RootCert: /)
  refused(answer([listed(one), { RootCert: 'no PEM' }]), /Roots\.1\.RootCert: there is no PEM/)
  refused(answer([listed(one)], { TrustDomain: '' }), /TrustDomain: its trust domain is empty/)
  refused(answer([listed(one)], { TrustDomain: 'A.consul' }), /TrustDomain: /)
  assert.ok(trustOfRoots(answer([listed(one, { New: { er: 1 } })], { Future: [] }), Date.now(), AGENT))
})

test('FAULTS 26: thousands of roots are refused before any of them is read', () => {
  const asked = performance.now()
  refused(answer(Array.from({ length: 5000 }, () => listed(one))), /Roots: they are 5000/)
  refused(answer([{ RootCert: one.rootPem.repeat(5000) }]), /Roots: they are 5000/)
  assert.ok(performance.now() - asked < 2000)
  assert.ok(trustOfRoots(answer(Array.from({ length: 100 }, () => listed(one))), Date.now(), AGENT))
})

test('FAULTS 26: whatever JSON the agent answers, it is taken or refused with a reason', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        fc.jsonValue().map((roots) => answer(roots)),
      ),
      (body) => {
        try {
          trustOfRoots(body, Date.now(), AGENT)
        } catch (error) {
          assert.ok(isMeshError(error), String(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('FAULTS 40: a root that begins in a moment by our clock waits for it, unless there is no other', () => {
  const nowMs = Math.floor(Date.now() / 1000) * 1000
  const begun = TestCa.create({ trustDomain })
  // A CA of the kit begins a day ago.
  const soon = TestCa.create({ trustDomain, wall: () => nowMs + 86_400_000 + 10_000 })
  const rootsAt = (wallMs: number, ...cas: TestCa[]) => {
    const { wire, againMs } = trustOfRoots(answer(cas.map((ca) => listed(ca))), wallMs, AGENT)
    return [wire.bundle === cas.map(({ rootPem }) => rootPem).join(''), againMs]
  }
  assert.deepEqual(rootsAt(nowMs, soon, begun), [false, nowMs + 10_000])
  assert.deepEqual(rootsAt(nowMs + 10_000, soon, begun), [true, undefined])
  assert.deepEqual(rootsAt(nowMs, soon), [true, undefined], 'none at all would be no better')
})
