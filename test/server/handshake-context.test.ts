import assert from 'node:assert/strict'
import { type AddressInfo, createServer as createPlain } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { isMeshError } from '../../src/core/errors.ts'
import { demandContextField, handshakeWith } from '../../src/server/handshake-context.ts'
import { TestCa } from '../kit/certificates.ts'
import { TestIdentity } from '../kit/test-identity.ts'
import { clientOf } from '../kit/tls-inbound.ts'

/** Accepts by itself and lets a `tls.Server` that never listens make the handshakes, as `Handshakes` does. */
async function outcomeOf(ca: TestCa, give: (server: ReturnType<typeof createServer>) => void) {
  const server = createServer({ requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] })
  const outcomes: string[] = []
  server.on('secureConnection', (socket) => {
    outcomes.push(socket.authorized ? 'verified' : 'unverified')
    socket.on('error', () => {}).destroy()
  })
  server.on('tlsClientError', (_error, socket) => {
    outcomes.push('refused')
    socket.destroy()
  })
  give(server)
  const front = createPlain((socket) => {
    socket.on('error', () => {})
    server.emit('connection', socket)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const { port } = front.address() as AddressInfo
  const client = connect({ ...clientOf(ca, ca.issue()), port })
  client.on('error', () => {})
  await new Promise((resolve) => client.once('close', resolve))
  await new Promise((resolve) => front.close(resolve))
  return outcomes
}

test('this version of Node makes handshakes with the context it is given', async () => {
  const ca = TestCa.create()
  const { current } = new TestIdentity({ ca })
  demandContextField(createServer())
  assert.deepEqual(await outcomeOf(ca, (server) => handshakeWith(server, current!.context)), ['verified'])
})

test('where a context does not arrive no handshake succeeds', async () => {
  assert.deepEqual(await outcomeOf(TestCa.create(), () => {}), ['refused'])
})

test('a version of Node that keeps the context elsewhere is refused by name', () => {
  assert.throws(
    () => demandContextField({}, 'v99.0.0'),
    (error) => isMeshError(error) && error.code === 'TULLE_CONFIG' && /Node v99\.0\.0/.test(error.message),
  )
})
