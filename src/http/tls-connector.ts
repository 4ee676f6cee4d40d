import { Socket } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  type DetailedPeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import type { buildConnector } from 'undici'
import { isMeshError, type MeshError, stormError } from '../core/errors.ts'
import type { Identity, TlsMaterial, VerifiedPeer } from '../core/identity.ts'
import { chainOf } from '../core/peer-chain.ts'
import { handshakeFailure } from './handshake.ts'

/** The most TLS puts into one record: larger reads are never filled. */
const RECORD_BYTES = 16_384
/** When TCP begins to look after a silent connection, in milliseconds; undici's default. */
const KEEP_ALIVE_MS = 60_000

/**
 * The TLS connection that is handed over in this very moment: what undici sends meanwhile is its first request. With
 * TLS 1.3 that may already be under way when the peer refuses our certificate.
 */
export interface Debut {
  protocol: string | undefined
}

export interface Secure {
  readonly identity: Identity
  /** The SPIFFE ID that every connection must prove. */
  readonly expected: string
  /** A connection was made whose peer is who was meant. */
  made(socket: TLSSocket, peer: VerifiedPeer): void
}

/**
 * Mutual TLS to one identity, each time with what the identity has at that moment. Who the peer is, is judged here and
 * nowhere else, after the handshake, so that nothing can leave it out: a resumed session, in which Node asks for no
 * identity and shows no certificate, is never offered, and refused if it comes about all the same.
 */
export function secureConnector(secure: Secure, debut: Debut): buildConnector.connector {
  return (options, callback) => {
    const material = secure.identity.current
    if (material === undefined) return stillborn(secure.identity, callback)
    let shown: DetailedPeerCertificate | undefined
    let reached = false
    let told = false
    const how: ConnectionOptions & { readonly highWaterMark: number } = {
      host: options.hostname,
      port: Number(options.port || 443),
      secureContext: material.context as SecureContext,
      // Identities are SPIFFE IDs; names of hosts prove nothing here.
      servername: '',
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => {
        shown = certificate as DetailedPeerCertificate
        return undefined
      },
      ALPNProtocols: ['http/1.1'],
      highWaterMark: RECORD_BYTES,
    }
    const socket = connect(how)
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    socket.once('connect', () => {
      reached = true
    })
    socket.once('secureConnect', () => {
      const peer = judge(secure, material, socket, shown)
      shown = undefined
      if (isMeshError(peer)) {
        socket.destroy(peer)
        return
      }
      told = true
      secure.made(socket, peer)
      debut.protocol = socket.getProtocol() ?? ''
      try {
        callback(null, socket)
      } finally {
        debut.protocol = undefined
      }
    })
    socket.on('error', (error) => {
      if (told) {
        // Node tells of an alert and leaves the socket open; at its end undici would take the end for the reason.
        socket.destroy(error)
        return
      }
      told = true
      callback(handshakeFailure(error, Boolean(socket.authorizationError), reached), null)
    })
    return socket
  }
}

function judge(
  { identity, expected }: Secure,
  material: TlsMaterial,
  socket: TLSSocket,
  shown: DetailedPeerCertificate | undefined,
): VerifiedPeer | MeshError {
  if (shown === undefined || socket.isSessionReused() || !socket.authorized)
    return stormError('TULLE_PEER', 'it did not prove who it is in this handshake')
  const peer = identity.judge(chainOf(shown), expected)
  if (isMeshError(peer) || identity.current === material) return peer
  // What we believe has changed since the handshake began: the chain was verified by what held then.
  return identity.objection(peer) ?? peer
}

/** Fails as a connection does: later, by an event. */
function stillborn(identity: Identity, callback: buildConnector.Callback): Socket {
  const socket = new Socket()
  socket.once('error', (error) => callback(handshakeFailure(error, false, false), null))
  return socket.destroy(identity.refusal() ?? stormError('TULLE_IDENTITY', 'there is no certificate'))
}
