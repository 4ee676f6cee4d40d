import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  SERVING,
} from '../../src/grpc/health-codec.ts'

test('what is encoded is decoded again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (service) => {
      assert.deepEqual(decodeRequest(encodeRequest({ service })), { service })
    }),
  )
  assert.deepEqual(decodeResponse(encodeResponse({ status: SERVING })), { status: 1 })
})

test('the bytes are those of the protocol', () => {
  assert.equal(encodeRequest({ service: 'ab' }).toString('hex'), '0a026162')
  assert.equal(encodeRequest({ service: '' }).length, 0)
  assert.equal(encodeResponse({ status: SERVING }).toString('hex'), '0801')
})

test('fields that are not known are passed over, and of one that comes twice the last counts', () => {
  const bytes = Buffer.from('100515010000001901000000000000001a0161' + '0a0161' + '0a0162', 'hex')
  assert.deepEqual(decodeRequest(bytes), { service: 'b' })
})

test('anything at all is decoded or refused with a RangeError, and never read beyond its end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const { service } = decodeRequest(Buffer.from(bytes))
        assert.ok(Buffer.byteLength(service) <= bytes.length * 3)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
  for (const broken of ['0a05616263', '0b', '00', 'ffffffffffffffffffffff01', '0affffffff7f'])
    assert.throws(() => decodeRequest(Buffer.from(broken, 'hex')), RangeError, broken)
})
