import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls'
import { keyPem, makeKey } from '../../../src/identity/keys.ts'
import { pemOf } from '../../../src/identity/pem.ts'
import type { Authority } from '../../../src/plane/authority/authority.ts'

/** A process with its certificate and what it believes. */
export interface Party {
  readonly key: string
  /** PEM. */
  readonly cert: string
  /** DER. */
  readonly roots: readonly Uint8Array[]
}

/** What one process of a service has: a leaf issued now, and the roots as they are now. */
export async function partyOf(authority: Authority, service = 'orders'): Promise<Party> {
  const keys = await makeKey()
  const { chain } = authority.issue(service, keys.publicKey)
  return { key: keyPem(keys), cert: chain.join(''), roots: authority.roots }
}

/** How one side judged the other, as OpenSSL says it: `ok`, or the code of the error. */
export interface Verdicts {
  readonly ofServer: string
  readonly ofClient: string
}

/** A mutual TLS handshake over a real socket; both sides verify the chain and nothing is resumed. */
export async function handshake(
  server: Party,
  client: Party,
  version: SecureVersion = 'TLSv1.3',
): Promise<Verdicts> {
  const context = (party: Party) => ({
    key: party.key,
    cert: party.cert,
    ca: party.roots.map((root) => pemOf('CERTIFICATE', root)),
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  })
  const listening = createServer({ ...context(server), requestCert: true })
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const accepted = once(listening, 'secureConnection') as Promise<[TLSSocket]>
  const { port } = listening.address() as AddressInfo
  const socket = connect({
    ...context(client),
    host: '127.0.0.1',
    port,
    checkServerIdentity: () => undefined,
  })
  try {
    await once(socket, 'secureConnect')
    const [inbound] = await accepted
    const verdicts = { ofServer: verdictOf(socket), ofClient: verdictOf(inbound) }
    inbound.destroy()
    return verdicts
  } finally {
    socket.destroy()
    listening.close()
  }
}

const verdictOf = (socket: TLSSocket): string =>
  socket.authorized ? 'ok' : String(socket.authorizationError)
