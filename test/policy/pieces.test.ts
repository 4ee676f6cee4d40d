import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancelPiece, endpointsSchema, hostsSchema, matchSchema } from '../../src/policy/pieces.ts'

test('hosts and methods are brought to one form', () => {
  assert.deepEqual(hostsSchema.parse(['Orders.Internal.:80', 'shop']), ['orders.internal:80', 'shop'])
  assert.deepEqual(matchSchema.parse({ method: ['get', 'Head'] }), { method: ['GET', 'HEAD'] })
})

test('an address may be text, or an object that says more of it', () => {
  assert.deepEqual(
    endpointsSchema.parse(['[::1]:80', { address: '[::2]:80', version: '2', zone: 'b', weight: 5 }]),
    [
      { address: '::1', port: 80 },
      { address: '::2', port: 80, version: '2', zone: 'b', weight: 5 },
    ],
  )
  assert.deepEqual(endpointsSchema.parse([{ address: 'a:1', protocol: 'grpc' }]), [
    { address: 'a', port: 1, protocol: 'grpc' },
  ])
  assert.equal(endpointsSchema.safeParse([{ address: 'a:1', protocol: 'http2' }]).success, false)
})

test('one address twice is a mistake, written one way or the other', () => {
  assert.equal(endpointsSchema.safeParse(['a:1', { address: 'a:1' }]).success, false)
  assert.equal(endpointsSchema.safeParse(['a:1', 'a:2', 'b:1']).success, true)
})

test('what is cancelled with a request is a trait of its routes', () => {
  assert.deepEqual(cancelPiece.traits?.('none'), { cancel: 'none' })
  assert.deepEqual(cancelPiece.traits?.(cancelPiece.defaults), { cancel: undefined }, 'the protocol decides')
})
