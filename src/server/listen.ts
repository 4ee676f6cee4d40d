import { createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Guest, Listening, ListenOptions, Runtime } from '../core/runtime.ts'
import { Incoming } from './arrival.ts'
import { Connections } from './connections.ts'
import { Door, listenerMode } from './door.ts'
import { DrainingGuest } from './draining-guest.ts'
import { guard } from './guard.ts'
import { FIRST_BYTE_SHARE } from './handshakes.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { checkListenOptions } from './serve-options.ts'
import { listening } from './serving.ts'

/** A peer that is gone without a word is asked after this long, in milliseconds, by TCP itself. */
const KEEP_ALIVE_MS = 30_000

/**
 * `Runtime.listen`: listens for a protocol that is not HTTP/1.1. Who comes in is counted, shaken hands with and judged as
 * at `mesh.serve`; what is spoken then is the guest's.
 *
 * @throws TULLE_CONFIG for an option it does not know, or where TLS is asked for and the mesh has no identity;
 * TULLE_CLOSED where the mesh is shutting down; the system's error where it cannot listen
 */
export function createListen(runtime: Runtime): (options: ListenOptions, guest: Guest) => Promise<Listening> {
  return async ({ protocol, alpn, ...options }, guest) => {
    checkListenOptions(options)
    const mtls = listenerMode(runtime, options.mtls)
    const {
      handshakeTimeoutMs = DEFAULT_LIMITS.handshakeTimeoutMs,
      maxConnections = DEFAULT_LIMITS.maxConnections,
      maxConnectionsPerPeer = DEFAULT_LIMITS.maxConnectionsPerPeer,
    } = options.limits ?? {}
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
    // In words of HTTP/1.1 nobody would find a reason here.
    const connections = new Connections({ maxConnections, maxConnectionsPerPeer }, true)
    const door = Door.of(runtime, mtls)
    const handshakes = guard(runtime, server, {
      connections,
      mtls,
      handshakeMs: handshakeTimeoutMs,
      alpn,
      silentMs: handshakeTimeoutMs * FIRST_BYTE_SHARE,
      accepted: (socket) => {
        if (agreed(socket, alpn)) guest.arrived(new Incoming(runtime, socket, door))
        else {
          const reason = `The peer offered none of the protocols that are spoken here (${alpn.join(', ')}).`
          handshakes?.tell(reason, 'TULLE_TLS', { socket, counted: reason })
          socket.destroy()
        }
      },
      turnAway: (socket) => socket.destroy(),
    })
    const draining = new DrainingGuest(runtime, server, guest, connections, { protocol, handshakes })
    return listening(runtime, server, draining, mtls, options)
  }
}

/** Whoever speaks TLS must have agreed on a protocol; plaintext is prior knowledge. */
function agreed(socket: Socket, alpn: readonly string[]): boolean {
  const { alpnProtocol } = socket as Partial<TLSSocket>
  return alpnProtocol === undefined || alpn.includes(alpnProtocol as string)
}
