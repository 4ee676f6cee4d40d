import { duplexPair } from 'node:stream'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { MeshError } from '../../core/errors.ts'
import { keyPem, makeKey } from '../../identity/keys.ts'
import { pemOf } from '../../identity/pem.ts'
import { spiffeIdOf } from '../../identity/spiffe-id.ts'
import { PLANE_SERVICE } from '../access/service-name.ts'
import { rootOf, type SigningCa } from './ca.ts'
import { issueLeaf } from './leaf.ts'

/**
 * Lets OpenSSL judge what a CA would sign, in a handshake with itself in memory: name constraints, key usages of the
 * whole chain, algorithms that are too weak. What it would refuse in every handshake is better known at the start.
 * Rejects with TULLE_CONFIG and OpenSSL's reason.
 */
export async function proveCa(ca: SigningCa, trustDomain: string, wallMs: number): Promise<void> {
  const keys = await makeKey()
  const id = spiffeIdOf(trustDomain, 'trial', PLANE_SERVICE)
  const leaf = issueLeaf(ca, { id, publicKey: keys.publicKey, wallMs, notAfterMs: wallMs + 60_000 })
  const material = {
    key: keyPem(keys),
    cert: [leaf, ...ca.chain].map((der) => pemOf('CERTIFICATE', der)).join(''),
    ca: pemOf('CERTIFICATE', rootOf(ca)),
    rejectUnauthorized: false,
  }
  try {
    const [near, far] = duplexPair()
    const server = createServer({ ...material, requestCert: true })
    const inbound = new Promise<TLSSocket>((resolve, reject) => {
      server.once('secureConnection', resolve).once('tlsClientError', reject)
    })
    server.emit('connection', near)
    const client = connect({ ...material, socket: far, checkServerIdentity: () => undefined })
    const outbound = new Promise<TLSSocket>((resolve, reject) => {
      client.once('secureConnect', () => resolve(client)).on('error', reject)
    })
    try {
      for (const socket of await Promise.all([inbound, outbound]))
        if (!socket.authorized) throw socket.authorizationError
    } finally {
      near.destroy()
      client.destroy()
    }
  } catch (error) {
    const why = error instanceof Error ? ((error as { code?: string }).code ?? error.message) : String(error)
    throw new MeshError(
      'TULLE_CONFIG',
      `The CA that was brought along signs what OpenSSL does not accept: ${why}.`,
      {
        layer: 'plane',
        hint: 'Look at its name constraints, extended key usages and signature algorithms, and at those above it.',
        cause: error,
      },
    )
  }
}
