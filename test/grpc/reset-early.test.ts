import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Server } from '@grpc/grpc-js'
import { survivesEarlyResets } from '../../src/grpc/reset-early.ts'
import {
  CANCEL,
  callHeaders,
  END_HEADERS,
  HEADERS,
  HELLO,
  h2Frame,
  headerBlock,
  RST_STREAM,
  rawPeer,
} from '../kit/grpc/frames.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { quote } from '../kit/grpc/observe.ts'
import { until } from '../kit/wait.ts'

const QUOTE = '/tulle.test.pricing.v1.Pricing/Quote'

for (const [what, headers] of [
  ['is no gRPC', callHeaders(QUOTE, { 'content-type': 'text/html' })],
  ['has no content type', callHeaders(QUOTE).filter(([name]) => name !== 'content-type')],
  ['names an unknown method', callHeaders('/none.Such/Method')],
  ['is a call', callHeaders(QUOTE)],
  [
    'is a CONNECT',
    callHeaders(QUOTE, { ':method': 'CONNECT' }).filter(([name]) => !/path|scheme/.test(name)),
  ],
] as const)
  test(`incidents 26, 40: a stream that ${what} and is reset in the same packet reaches nobody and ends nothing`, async (t) => {
    const scene = await inboundGrpc(t)
    const peer = rawPeer(
      t,
      scene.port,
      HELLO,
      ...[1, 3, 5, 7].flatMap((id) => [
        h2Frame(HEADERS, END_HEADERS, id, headerBlock(headers)),
        h2Frame(RST_STREAM, 0, id, CANCEL),
      ]),
    )
    await until(() => peer.received().length > 0, { what: 'a word of the server' })
    await quote(scene.client())
    assert.equal(scene.service.ledger.executions.length, 1)
    await until(() => scene.harness.inFlight() === 0, { what: 'every call to end' })
  })

test('a server is guarded once, however often it is served, and one without that method is left alone', () => {
  const server = new Server()
  survivesEarlyResets(server)
  const { _verifyContentType: guarded } = server as any
  survivesEarlyResets(server)
  assert.equal((server as any)._verifyContentType, guarded)
  const other = {} as Server
  survivesEarlyResets(other)
  assert.deepEqual(other, {})
})
