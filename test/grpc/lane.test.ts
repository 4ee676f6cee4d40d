import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createGrpcLeafFactory } from '../../src/grpc/leaf.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { asyncMark } from '../../src/platform/async-mark.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakeEndpoint, FakeService } from '../kit/builders.ts'
import { Sent } from '../kit/grpc-bench.ts'
import { until } from '../kit/wait.ts'

async function silentServer(): Promise<{ port: number; sockets: Socket[]; close(): void }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { port, sockets, close: () => void server.close() }
}

test('FAULTS 7: a peer that accepts and says nothing is given up when the time to connect is over', async () => {
  const server = await silentServer()
  const clock = new ManualClock()
  const leaf = createGrpcLeafFactory({
    clock,
    wall: () => 0,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    mtls: { mode: 'disable', written: false },
    ambient: ambientStore,
    asyncMark,
  }).open(new FakeEndpoint(new FakeService(), server.port))
  const first = new Sent(leaf)
  const second = new Sent(leaf)
  await until(() => server.sockets.length === 1, { what: 'one connection for both' })
  clock.advance(999)
  assert.deepEqual(first.events, [])
  clock.advance(1)
  for (const sent of [first, second]) {
    assert.deepEqual(
      [sent.outcome?.condition, sent.outcome?.unsent, sent.outcome?.error?.code],
      ['connect-failure', true, 'TULLE_CONNECT_TIMEOUT'],
    )
  }
  assert.notEqual(first.outcome?.error, second.outcome?.error)
  await until(() => server.sockets[0]?.closed, { what: 'the end of the connection nobody wants any more' })

  // Backing off: the answer is known at once, and nothing is tried.
  clock.advance(999)
  assert.equal(new Sent(leaf).outcome?.error?.code, 'TULLE_CONNECT_TIMEOUT')
  assert.equal(server.sockets.length, 1)
  clock.advance(1)
  const third = new Sent(leaf)
  await until(() => server.sockets.length === 2, { what: 'the next try' })
  third.cancel({ kind: 'caller', error: new Error('left') })
  assert.equal(third.outcome?.class, 'ignored')
  await leaf.close()
  await until(() => server.sockets[1]?.closed, { what: 'the end of the last connection' })
  assert.equal(clock.armed, 0)
  server.close()
})
