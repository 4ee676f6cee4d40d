import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { svidWire, trustWire } from '../../src/core/plane-wire.ts'
import { writeBundle } from '../../src/identity/bundle.ts'
import { askForSvid } from '../../src/identity/issue.ts'
import { judgeOwn } from '../../src/identity/own.ts'
import { newerTrust } from '../../src/identity/trust.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa } from '../kit/certificates.ts'

const ca = TestCa.create()
const other = TestCa.create()
const TRUST = {
  trustDomain: 'test.example',
  bundle: writeBundle([ca.root, other.root], 3),
  denied: ['spiffe://a/b'],
}
const known = newerTrust(TRUST, undefined, 'test.example')

const PIECES = ['"__proto__"', 'null', '[]', '{}', '-1', '1e999', '"a"', ',', '"', '{', '}', '\\\\', 'A', '0']
/** A JSON text with something put in, and something taken out, at any place. */
const mutated = (good: string) =>
  fc
    .tuple(fc.nat(good.length - 1), fc.constantFrom(...PIECES), fc.nat(12))
    .map(([at, piece, out]) => good.slice(0, at) + piece + good.slice(at + out))
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

test('FAULTS 26, 47: 3,000 mutations of what a plane says about trust never throw, and bring no root of anybody else', () => {
  assert.ok(!isMeshError(known))
  const ours = new Set(known.bundle.roots.map((root) => Buffer.from(root).toString('base64')))
  let taken = 0
  fc.assert(
    fc.property(mutated(JSON.stringify(TRUST)), (text) => {
      const wire = trustWire.safeParse(parsed(text))
      if (!wire.success) return
      const trust = newerTrust(wire.data, known, 'test.example')
      if (isMeshError(trust)) return
      taken++
      assert.ok(trust.bundle.roots.length > 0)
      assert.equal(trust.bundle.trustDomain, 'test.example')
      for (const root of trust.bundle.roots) assert.ok(ours.has(Buffer.from(root).toString('base64')))
    }),
    { numRuns: 3000 },
  )
  assert.ok(taken > 0, 'some mutations change nothing that counts')
})

test('FAULTS 26: 500 mutations of an answer to a certificate request are refused with a reason, or are our certificate', async () => {
  assert.ok(!isMeshError(known))
  let text = ''
  let taken = 0
  const send = async (request: { body?: unknown }) => {
    assert.match((request.body as { csr: string }).csr, /CERTIFICATE REQUEST/)
    return { status: 200, etag: undefined, body: parsed(text) }
  }
  const asked = {
    link: { send },
    clock: new ManualClock(),
    service: 'orders',
    id: 'spiffe://test.example/ns/default/dc/dc1/svc/orders',
    auth: 'token',
    signal: new AbortController().signal,
  } as const
  const svid = ca.issue()
  const good = JSON.stringify({ chain: svid.chainPem, trust: TRUST })
  assert.ok(svidWire.safeParse(JSON.parse(good)).success)
  await fc.assert(
    fc.asyncProperty(mutated(good), async (mutation) => {
      text = mutation
      const answer = await askForSvid(asked).catch((error: unknown) => error)
      if (answer instanceof Error) {
        assert.ok(answer.message.length > 0)
        assert.ok(isMeshError(answer), `${answer.stack}`)
        return
      }
      const { credentials, trust } = answer as Awaited<ReturnType<typeof askForSvid>>
      newerTrust(trust, known, 'test.example')
      // The certificate is that of the key that was asked for in another run, so none of these is ours; with its key it is.
      assert.ok(isMeshError(judgeOwn(credentials, { trust: known, service: 'orders', wallMs: Date.now() })))
      const own = judgeOwn(
        { ...credentials, key: svid.key },
        { trust: known, service: 'orders', wallMs: Date.now() },
      )
      if (isMeshError(own)) return
      taken++
      assert.deepEqual(Buffer.from(credentials.chain[0]!), Buffer.from(svid.der))
    }),
    { numRuns: 500 },
  )
  assert.ok(taken > 0, 'some mutations change nothing that counts')
})
