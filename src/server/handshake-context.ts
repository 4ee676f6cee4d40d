import type { Server } from 'node:tls'
import { MeshError } from '../core/errors.ts'

/** Where Node keeps what a server's handshakes use, in every version from 20.19 to 26. */
const FIELD = '_sharedCreds'

/**
 * Refuses a version of Node that keeps it elsewhere, by name and before anything listens.
 *
 * There is no public way that does: `setSecureContext` makes a context of its own out of PEM and passes over
 * `allowPartialTrustChain`, without which a bundle's intermediate is no anchor; `SNICallback` is not asked by a client
 * that names no host, and mesh clients name none. Without this the server would still have no certificate to show, so
 * no handshake would succeed.
 * @throws TULLE_CONFIG
 */
export function demandContextField(server: object, node: string = process.version): void {
  if (FIELD in server) return
  throw new MeshError('TULLE_CONFIG', `mutual TLS of listeners is not possible on Node ${node}`, {
    layer: 'server',
    hint: 'Use a version of Node that this version of tulle is tested on, 20.19 to 26, or a newer tulle.',
  })
}

/** What the next handshakes use, whatever name the client asks for. @param context a `SecureContext` */
export function handshakeWith(server: Server, context: object): void {
  ;(server as unknown as Record<string, object>)[FIELD] = context
}
