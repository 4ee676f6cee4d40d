import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainOf } from '../../src/core/peer-chain.ts'

/** Each names the next as its issuer, the last one `issuer`. */
function links(count: number, issuer?: 'itself'): { raw?: Buffer; issuerCertificate?: unknown } {
  const last: { raw: Buffer; issuerCertificate?: unknown } = { raw: Buffer.of(count) }
  if (issuer !== undefined) last.issuerCertificate = last
  let top: { raw: Buffer; issuerCertificate?: unknown } = last
  for (let place = count - 1; place > 0; place--) top = { raw: Buffer.of(place), issuerCertificate: top }
  return top
}
const bytes = (peer: object) => chainOf(peer).map(([first]) => first)

test('a chain is read from the leaf upwards, and ends at a root that names itself', () => {
  assert.deepEqual(bytes(links(3)), [1, 2, 3])
  assert.deepEqual(bytes(links(3, 'itself')), [1, 2, 3])
})

test('a peer that sent nothing has no chain; one that is too long is cut off', () => {
  assert.deepEqual(bytes({}), [])
  assert.equal(bytes(links(40)).length, 10)
})
