import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata } from '@grpc/grpc-js'
import fc from 'fast-check'
import { isMeshError } from '../../src/core/errors.ts'
import { isConfusable, isProtected } from '../../src/core/protected-headers.ts'
import { type MetadataIn, readMetadata } from '../../src/grpc/metadata-in.ts'

function metadata(entries: readonly (readonly [string, string])[]): Metadata {
  const all = new Metadata()
  for (const [name, value] of entries) all.add(name, value)
  return all
}

function read(entries: readonly (readonly [string, string])[], stranger = false): MetadataIn {
  const reading = readMetadata(metadata(entries), 'pricing.mesh', stranger)
  assert.ok(!isMeshError(reading))
  return reading
}

test('of several timeouts the shortest counts, and what cannot be read says nothing', () => {
  const name = 'x-envoy-expected-rq-timeout-ms'
  for (const [values, expected] of [
    [['500'], 500],
    [['500', '80', '90'], 80],
    [['-1'], undefined],
    [['1e3', '0x10', '', '12345678901'], undefined],
    [['soon', '7'], 7],
    [['0'], 0],
  ] as const)
    assert.equal(read(values.map((value) => [name, value])).timeoutMs, expected)
})

test('a stranger may continue a trace and say nothing else', () => {
  const entries = [
    ['traceparent', 'a'],
    ['tracestate', 'b'],
    ['baggage', 'c'],
    ['x-envoy-expected-rq-timeout-ms', '5'],
    ['grpc-previous-rpc-attempts', '2'],
  ] as const
  assert.deepEqual(read(entries, true), {
    traceparent: ['a'],
    tracestate: ['b'],
    baggage: [],
    timeoutMs: undefined,
    previousAttempts: undefined,
  })
  assert.deepEqual(read(entries), {
    traceparent: ['a'],
    tracestate: ['b'],
    baggage: ['c'],
    timeoutMs: 5,
    previousAttempts: '2',
  })
})

test('one host is enough: another beside :authority, or two, are refused', () => {
  for (const [hosts, good] of [
    [['pricing.mesh'], true],
    [['Pricing.Mesh'], true],
    [['evil.mesh'], false],
    [['pricing.mesh', 'pricing.mesh'], false],
  ] as const) {
    const reading = readMetadata(metadata(hosts.map((host) => ['host', host])), 'pricing.mesh', false)
    assert.equal(isMeshError(reading), !good)
  }
  assert.ok(!isMeshError(readMetadata(metadata([['host', 'a']]), undefined, false)))
})

test('whatever comes in, nothing that speaks for an identity or the mesh is left for the application', () => {
  const name = fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/),
    fc
      .tuple(
        fc.constantFrom('x-tulle-', 'client-cert', 'x-forwarded-client-cert', 'x_tulle_', 'grpc_'),
        fc.stringMatching(/^[a-z-]{0,8}$/),
      )
      .map(([prefix, rest]) => prefix + rest),
  )
  const value = fc.stringMatching(/^[ -~]{0,20}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (entries) => {
      const usable = entries.filter(([key]) => !key.endsWith('-bin') && key !== 'host')
      const given = metadata(usable)
      const reading = readMetadata(given, 'pricing.mesh', false)
      if (isMeshError(reading)) {
        assert.equal(reading.code, 'TULLE_BAD_REQUEST')
        assert.ok(usable.some(([key]) => isConfusable(key)))
        return
      }
      const left = Object.keys(given.getMap())
      assert.ok(!left.some((key) => isProtected(key) || isConfusable(key)))
      const innocent = usable.filter(([key]) => !isProtected(key)).map(([key]) => key)
      assert.deepEqual([...left].sort(), [...new Set(innocent)].sort())
    }),
    { numRuns: 1000 },
  )
})

test('metadata counts as HTTP/2 counts headers; past the limit it is refused, and not kept', () => {
  const size = 'x-a'.length + 32
  for (const [values, limit, fits] of [
    [['x'.repeat(1000 - size)], 1000, true],
    [['x'.repeat(1001 - size)], 1000, false],
    [['x'.repeat(500 - size), 'x'.repeat(501 - size)], 1000, false],
    [['x'.repeat(100_000)], 0, true],
    [['x'.repeat(16 * 1024)], undefined, false],
    [['x'.repeat(16 * 1024 - size)], undefined, true],
  ] as const) {
    const given = metadata(values.map((value) => ['x-a', value] as const))
    const reading = readMetadata(given, 'pricing.mesh', false, limit)
    assert.equal(isMeshError(reading), !fits)
    if (isMeshError(reading)) assert.equal(reading.code, 'TULLE_HEADERS_TOO_LARGE')
    assert.equal(given.get('x-a').length, fits ? values.length : 0)
  }
})
