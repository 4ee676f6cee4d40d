import type { Server, Socket } from 'node:net'
import type { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Connections } from './connections.ts'
import { plaintextRefused } from './door.ts'
import { firstByte, TLS_HANDSHAKE } from './first-byte.ts'
import { FIRST_BYTE_SHARE, Handshakes } from './handshakes.ts'

export interface GuardOptions {
  readonly connections: Connections
  readonly mtls: MtlsMode
  /** For a handshake, its first byte included, in milliseconds. */
  readonly handshakeMs: number
  readonly alpn: readonly string[]
  readonly alpnOfProxies?: string | undefined
  /** How long a connection in plaintext may say nothing, in milliseconds; default: who accepts it sees to that. */
  readonly silentMs?: number | undefined
  /** Gets every socket that was let in: a `TLSSocket` whose peer is verified, or a plain one. */
  accepted(socket: Socket): void
  /** Ends a connection that came in plaintext where it must not; it has been told already. */
  turnAway(socket: Socket, error: MeshError): void
}

/**
 * Stands at the door of a listener: counts what connects, tells TLS from plaintext by the first byte, makes handshakes,
 * and lets in what the mode allows. It takes the place of the server's own `connection` listeners.
 *
 * @returns undefined where no TLS is spoken
 * @throws TULLE_CONFIG on a version of Node that cannot speak it so
 */
export function guard(runtime: Runtime, server: Server, options: GuardOptions): Handshakes | undefined {
  const { connections, mtls, handshakeMs, silentMs, accepted } = options
  const { identity, clock } = runtime
  if (mtls === 'disable' || identity === undefined) {
    server.on('connection', (socket: Socket) => {
      if (!connections.admit(socket)) return
      if (silentMs === undefined) accepted(socket)
      else firstByte(socket, clock, silentMs, () => accepted(socket))
    })
    return undefined
  }
  const handshakes = new Handshakes(runtime, identity, options, accepted)
  server.on('listening', () => handshakes.watch())
  server.on('close', () => handshakes.close())
  server.on('connection', (socket: Socket) => {
    if (!connections.admit(socket)) return
    firstByte(socket, clock, handshakeMs * FIRST_BYTE_SHARE, (byte) => {
      if (byte === TLS_HANDSHAKE) handshakes.begin(socket)
      else if (mtls === 'permissive') accepted(socket)
      else {
        const error = plaintextRefused()
        handshakes.tell('The peer came in plaintext.', error.code, { socket, counted: error.code })
        options.turnAway(socket, error)
      }
    })
  })
  return handshakes
}
