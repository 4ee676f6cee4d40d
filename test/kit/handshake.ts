import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureContext } from 'node:tls'
import type { Identity } from '../../src/core/identity.ts'

type Side = Pick<Identity, 'current'>

/** A real handshake, both sides verified by OpenSSL. @returns undefined, or why there was none. */
export async function handshake(client: Side, server: Side): Promise<string | undefined> {
  const listener = createServer({ requestCert: true, rejectUnauthorized: true })
  // A context as it is, with all that was said when it was made.
  Object.assign(listener, { _sharedCreds: server.current!.context })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const socket = connect({
    port: (listener.address() as AddressInfo).port,
    host: '127.0.0.1',
    secureContext: client.current!.context as SecureContext,
    checkServerIdentity: () => undefined,
  })
  const served = new Promise<string | undefined>((resolve) => {
    listener.on('secureConnection', () => resolve(undefined))
    listener.on('tlsClientError', (error) => resolve(`server: ${error.message}`))
  })
  const called = new Promise<string | undefined>((resolve) => {
    socket.on('secureConnect', () => resolve(undefined))
    socket.on('error', (error) => resolve(`client: ${error.message}`))
  })
  const refusal = (await called) ?? (await served)
  socket.destroy()
  listener.close()
  return refusal
}
