import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConsulRefusal } from '../../src/core/consul.ts'
import { isMeshError, MeshError } from '../../src/core/errors.ts'
import { askLeaf, leafError, leafRequest, mayPass, readLeaf } from '../../src/identity/consul-leaf.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { tlsMaterial } from '../../src/identity/tls-material.ts'
import { TestCa, type TestSvid } from '../kit/certificates.ts'
import { ConsulScript } from '../kit/consul-script.ts'

const trustDomain = 'a.consul'
const AGENT = 'http://127.0.0.1:8500'
const root = TestCa.create({ trustDomain })

const answer = ({ key }: TestSvid, chain: readonly Uint8Array[]) => ({
  SerialNumber: '0b',
  CertPEM: chain.map((der) => pemOf('CERTIFICATE', der)).join(''),
  PrivateKeyPEM: key.export({ type: 'sec1', format: 'pem' }).toString(),
  Service: 'orders',
  ServiceURI: `spiffe://${trustDomain}/ns/default/dc/dc1/svc/orders`,
  ValidBefore: '2026-11-24T11:54:37Z',
})

test('the whole chain is taken, each behind the one it issued, though a secondary datacenter lists old ones first', () => {
  const [older, newer] = [root.intermediate(), root.intermediate()]
  const next = TestCa.create({ trustDomain })
  const cross = root.crossSignedBy(next)
  const svid = newer.issue({ service: 'orders', trustDomain })
  const leaf = readLeaf(
    answer(svid, [svid.der, older.certificate, cross, older.certificate, newer.certificate]),
    'orders',
    AGENT,
  )
  const names = new Map([
    [svid.der, 'leaf'],
    [older.certificate, 'older'],
    [newer.certificate, 'newer'],
    [cross, 'cross'],
  ])
  const nameOf = (der: Uint8Array) => [...names].find(([each]) => Buffer.compare(each, der) === 0)?.[1]
  assert.deepEqual(leaf.chain.map(nameOf), ['leaf', 'newer', 'cross', 'older'])
  for (const believed of [root.root, next.root])
    assert.ok(!isMeshError(tlsMaterial(leaf, [believed], Date.now())))
})

test('FAULTS 26: a chain of thousands of certificates costs a moment, and the newest of them count', () => {
  const issuer = root.intermediate()
  const svid = issuer.issue({ service: 'orders', trustDomain })
  const others = Array.from({ length: 20 }, () => root.intermediate().certificate)
  const many = Array.from({ length: 5000 }, (_, at) => {
    const der = Uint8Array.from(others[at % 20]!)
    der[der.length - 1 - (at >> 8)] = at & 255
    return der
  })
  const asked = performance.now()
  const leaf = readLeaf(answer(svid, [svid.der, ...many, issuer.certificate]), 'orders', AGENT)
  assert.ok(performance.now() - asked < 1000)
  assert.deepEqual(leaf.chain.slice(0, 2), [svid.der, issuer.certificate])
})

test('a leaf with its key in either form is read, and fields that are not known are passed over', () => {
  const svid = root.issue({ trustDomain })
  const sec1 = readLeaf({ ...answer(svid, [svid.der]), Future: { more: true } }, 'orders', AGENT)
  const pkcs8 = readLeaf({ ...answer(svid, [svid.der]), PrivateKeyPEM: svid.keyPem }, 'orders', AGENT)
  assert.ok(sec1.key.equals(svid.key) && pkcs8.key.equals(svid.key))
  assert.equal(sec1.uri, `spiffe://${trustDomain}/ns/default/dc/dc1/svc/orders`)
})

test('FAULTS 26: whatever JSON the agent answers, it is taken or refused, and no key is ever in the reason', () => {
  const svid = root.issue({ trustDomain })
  const good = answer(svid, [svid.der])
  const secret = good.PrivateKeyPEM.split('\n')[1]!
  const field = fc.constantFrom(...Object.keys(good))
  fc.assert(
    fc.property(field, fc.oneof(fc.jsonValue(), fc.string()), (name, value) => {
      try {
        readLeaf({ ...good, [name]: value }, 'orders', AGENT)
      } catch (error) {
        assert.ok(isMeshError(error), String(error))
        assert.ok(!error.message.includes(secret) && error.message.includes(AGENT), error.message)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a refusal says what it takes, and whether it may pass by itself', () => {
  const refusal = (status: number, words: string) => new ConsulRefusal(status, words, words)
  const denied = leafError(refusal(403, 'Permission denied'), 'orders')
  assert.ok(denied instanceof ConsulRefusal)
  assert.match(denied.message, /service "orders" \{ policy = "write" \}/)
  assert.equal(denied.status, 403)
  const unknown = leafError(new ConsulRefusal(403, 'ACL not found', 'refused', 'another token'), 'orders')
  assert.ok(unknown instanceof ConsulRefusal && unknown.hint === 'another token')
  assert.equal(unknown.message, 'refused; Consul does not know this ACL token', 'no rule would help it')
  const passing: [unknown, boolean][] = [
    [refusal(403, 'Permission denied'), false],
    [refusal(403, 'ACL not found'), true],
    [refusal(500, 'No cluster leader'), true],
    [refusal(500, 'Connect must be enabled in order to use this endpoint'), false],
    [refusal(400, 'what?'), false],
    [refusal(429, 'rate limit reached'), true],
    [new MeshError('TULLE_CONSUL', 'no Consul agent'), true],
    [new MeshError('TULLE_IDENTITY', 'not yet valid'), true],
  ]
  for (const [error, passes] of passing) assert.equal(mayPass(error), passes, String(error))
})

test('a service is one segment of the path', () => {
  assert.equal(leafRequest('a/../b').path, '/v1/agent/connect/ca/leaf/a%2F..%2Fb')
})

test('asked once beside the query, a refusal names the rule as well', async () => {
  const link = new ConsulScript()
  const asked = askLeaf(link, 'orders', new AbortController().signal)
  const refused = assert.rejects(asked, /service "orders" \{ policy = "write" \}/)
  assert.equal(link.last().request.index, undefined)
  await link.last('/v1/agent/connect/ca/leaf/orders').refuse(403)
  await refused
})
