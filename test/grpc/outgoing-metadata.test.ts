import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Metadata } from '@grpc/grpc-js'
import fc from 'fast-check'
import type { Attempt } from '../../src/core/attempt.ts'
import type { Call } from '../../src/core/call.ts'
import { BAGGAGE, PREVIOUS_ATTEMPTS } from '../../src/core/header-names.ts'
import { grpcTimeout, outgoingMetadata } from '../../src/grpc/outgoing-metadata.ts'
import type { GrpcWire } from '../../src/grpc/wire.ts'
import { makeAttempt } from '../kit/builders.ts'
import { FakeWire, grpcCall } from '../kit/grpc-bench.ts'

const HOUR = 3_600_000
const UNITS: Readonly<Record<string, number>> = { H: HOUR, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 }

interface Given {
  readonly metadata?: Metadata
  readonly outbox?: Readonly<Record<string, string>>
  readonly call?: Partial<Call<GrpcWire>>
  readonly nowMs?: number
}

function sent({ metadata = new Metadata(), outbox = {}, call = {}, nowMs = 0 }: Given): Metadata {
  const attempt: Attempt<GrpcWire> = makeAttempt<GrpcWire>({
    call: grpcCall(new FakeWire({ metadata }), { covers: 'call', ...call }),
    outbox: new Map(Object.entries(outbox)),
  })
  return outgoingMetadata(attempt, nowMs)
}

describe('grpc-timeout', () => {
  const cases: readonly (readonly [leftMs: number, text: string])[] = [
    [-5, '1m'],
    [0, '1m'],
    [0.2, '1m'],
    [1, '1m'],
    [1.9, '1m'],
    [999.999, '999m'],
    [60_000, '60000m'],
    [HOUR, '3600000m'],
    [99_999_999, '99999999m'],
    [1e8 - 0.5, '99999999m'],
    [1e8, '100000S'],
    [1e8 + 999, '100000S'],
    [1e11 - 1, '99999999S'],
    [1e11, '27777H'],
    [99_999_999 * HOUR, '99999999H'],
    [1e8 * HOUR, '99999999H'],
    [Number.MAX_SAFE_INTEGER, '99999999H'],
  ]
  for (const [leftMs, text] of cases)
    test(`${leftMs} ms is ${text}`, () => {
      assert.equal(grpcTimeout(leftMs), text)
    })

  test('is not repeated by a later attempt that is bound by no deadline any more', () => {
    const wire = new FakeWire({ metadata: new Metadata() })
    const attempt = (number: number, call: Partial<Call<GrpcWire>>) =>
      outgoingMetadata(makeAttempt<GrpcWire>({ call: grpcCall(wire, call), number }), 0)
    assert.deepEqual(attempt(1, { covers: 'call', deadline: 1005 }).get('grpc-timeout'), ['1000m'])
    assert.deepEqual(attempt(2, { covers: 'sent', deadline: 1005 }).get('grpc-timeout'), [])
  })

  test('has eight digits at most and a unit, never says more than is left, and loses less than its unit', () => {
    const left = fc.oneof(
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      fc.double({ min: 1e9, max: 99_999_999 * HOUR, noNaN: true }),
    )
    fc.assert(
      fc.property(left, (leftMs) => {
        const [, digits, unit] =
          /^([1-9]\d{0,7})([HMSmun])$/.exec(grpcTimeout(leftMs)) ?? assert.fail(String(leftMs))
        const said = Number(digits) * UNITS[unit!]!
        assert.ok(said <= leftMs, `${said} of ${leftMs}`)
        assert.ok(leftMs - said < UNITS[unit!]! + 1, `${said} of ${leftMs}`)
      }),
    )
  })

  test('is what is left when the attempt is sent, less 5 ms for the answer to come back', () => {
    assert.deepEqual(sent({ call: { deadline: 2000 }, nowMs: 500 }).get('grpc-timeout'), ['1495m'])
    assert.deepEqual(sent({ call: { deadline: 2000 }, nowMs: 1998 }).get('grpc-timeout'), ['1m'])
  })

  test('is not sent where there is no deadline, nor where it covers no more than the sending', () => {
    for (const call of [
      { deadline: Number.POSITIVE_INFINITY },
      { deadline: 2000, covers: 'sent' as const },
      { deadline: 2000, covers: 'nothing' as const },
    ] as Partial<Call<GrpcWire>>[])
      assert.deepEqual(sent({ call }).get('grpc-timeout'), [], JSON.stringify(call))
  })

  test("replaces one that the caller's metadata brought along", () => {
    const metadata = new Metadata()
    metadata.set('grpc-timeout', '99H')
    assert.deepEqual(sent({ metadata, call: { deadline: 1005 } }).get('grpc-timeout'), ['1000m'])
  })
})

describe('what the layers add', () => {
  test('stands in the place of what the caller has by that name, and the caller keeps its own object', () => {
    const metadata = new Metadata()
    metadata.add('traceparent', 'of the caller')
    metadata.add('traceparent', 'twice')
    metadata.add('x-kept', 'a')
    metadata.add('x-kept', 'b')
    const result = sent({ metadata, outbox: { traceparent: '00-1-2-01' } })
    assert.deepEqual(result.get('traceparent'), ['00-1-2-01'])
    assert.deepEqual(result.get('x-kept'), ['a', 'b'])
    assert.deepEqual(metadata.get('traceparent'), ['of the caller', 'twice'])
  })

  test("leaves the caller's own baggage alone, and gives some to one who has none", () => {
    const metadata = new Metadata()
    metadata.set(BAGGAGE, 'tenant=a')
    assert.deepEqual(sent({ metadata, outbox: { [BAGGAGE]: 'tenant=b' } }).get(BAGGAGE), ['tenant=a'])
    assert.deepEqual(sent({ outbox: { [BAGGAGE]: 'tenant=b' } }).get(BAGGAGE), ['tenant=b'])
  })

  test('names the attempts before this one as gRPC does', () => {
    const result = sent({ outbox: { [PREVIOUS_ATTEMPTS]: '2' } })
    assert.deepEqual(result.get('grpc-previous-rpc-attempts'), ['2'])
    assert.deepEqual(result.get(PREVIOUS_ATTEMPTS), [])
  })

  test('is left out where no header could hold it', () => {
    const result = sent({ outbox: { baggage: 'a=ü', 'x-line': 'a\r\nb', 'x-ok': '~ !' } })
    assert.deepEqual([result.get('baggage'), result.get('x-line'), result.get('x-ok')], [[], [], ['~ !']])
  })
})

describe("the caller's metadata", () => {
  test('goes out as it is where nothing is added: no copy is made', () => {
    const metadata = new Metadata()
    assert.equal(sent({ metadata }), metadata)
  })

  test('keeps binary values, repeated ones and its options', () => {
    const metadata = new Metadata({ waitForReady: true })
    const bytes = Buffer.from([0, 255, 10, 13])
    metadata.add('trace-bin', bytes)
    metadata.add('trace-bin', Buffer.alloc(0))
    const result = sent({ metadata, outbox: { 'x-new': '1' }, call: { deadline: 1000 } })
    assert.notEqual(result, metadata)
    assert.deepEqual(result.get('trace-bin'), [bytes, Buffer.alloc(0)])
    assert.equal(result.getOptions().waitForReady, true)
    assert.deepEqual(metadata.get('x-new'), [])
    assert.deepEqual(metadata.get('grpc-timeout'), [])
  })
})
