import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createGrpcLeafFactory } from '../../src/grpc/leaf.ts'
import { systemClock, systemWall } from '../../src/platform/clock.ts'
import { FakeEndpoint, FakeService } from '../kit/builders.ts'
import { answer, Sent, serveH2 } from '../kit/grpc-bench.ts'

const deps = {
  clock: systemClock,
  wall: systemWall,
  random: () => 0.5,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  mtls: { mode: 'disable', written: false },
} as const

describe('a plaintext leaf', () => {
  test('carries a unary call', async () => {
    const server = await serveH2((stream) => {
      stream.resume()
      stream.on('end', () => answer(stream, Buffer.from('ok')))
    })
    const leaf = createGrpcLeafFactory(deps).open(new FakeEndpoint(new FakeService(), server.port))
    const sent = new Sent(leaf)
    const outcome = await sent.ended()
    assert.deepEqual(sent.events, ['sent', 'head', 'end'])
    assert.equal(outcome.class, 'success')
    assert.equal(outcome.committed, true)
    assert.deepEqual(sent.wire.heard, ['metadata', 'message', 'status'])
    assert.equal(String(sent.wire.messages[0]), 'ok')
    assert.equal(sent.wire.status?.code, 0)
    await leaf.close()
    await server.close()
  })
})
