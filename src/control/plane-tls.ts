import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls'
import { MeshError } from '../core/errors.ts'
import { chainOf } from '../core/peer-chain.ts'
import type { Clock } from '../core/ports.ts'
import { unproven, unreachable } from './plane-words.ts'

/** How long making one connection may take, the TLS handshake included. */
const CONNECT_MS = 2000

/** The most certificates of a chain that are looked at. */
const MAX_CHAIN = 16

/** Judges a plane's chain, DER, leaf first, which TLS has verified; undefined: it is a plane of that trust domain. */
export type VerifyPlane = (chain: readonly Uint8Array[], trustDomain: string) => MeshError | undefined

/** Where a connection goes, how it is trusted, and who the other side must be. */
export interface PlaneDoor {
  readonly url: URL
  /** Trusts the plane's root; with our own certificate where we show one. */
  readonly context: SecureContext
  readonly trustDomain: string
  readonly verifyPlane: VerifyPlane
  readonly clock: Clock
}

/** Both ends are tulle's, so nothing older is spoken. */
export function trusting(roots: readonly string[]): SecureContext {
  return createSecureContext({ ca: [...roots], minVersion: 'TLSv1.3' })
}

/**
 * A TLS connection to a plane that has proved itself: chain verified by OpenSSL, identity judged. Sessions are never
 * resumed, since a resumed one skips both. Not a byte is written before that, so no token reaches anybody else.
 */
export async function openPlane(door: PlaneDoor): Promise<TLSSocket> {
  const socket = await handshake(door.url, door.context, true, door.clock)
  const objection = door.verifyPlane(chainOf(socket.getPeerCertificate(true)), door.trustDomain)
  if (objection === undefined) return socket
  socket.destroy()
  throw unproven(door.url, objection)
}

/**
 * The root that a token pins, in PEM, from the chain a plane sends over a connection of which nothing is believed: the
 * hash is what makes it the right one. Nothing is sent.
 */
export async function fetchPinnedRoot(url: URL, rootSha256: string, clock: Clock): Promise<string> {
  const socket = await handshake(url, createSecureContext({ minVersion: 'TLSv1.3' }), false, clock)
  // The plain list of what was sent, in which roots that the leaf's own path does not need are found too.
  let certificate = socket.getPeerX509Certificate()
  const prints: string[] = []
  let pinned: string | undefined
  while (certificate !== undefined && prints.length < MAX_CHAIN) {
    const print = createHash('sha256').update(certificate.raw).digest('hex')
    prints.push(print)
    if (print === rootSha256) pinned = certificate.toString()
    certificate = certificate.issuerCertificate
  }
  socket.destroy()
  if (pinned !== undefined) return pinned
  throw new MeshError(
    'TULLE_PLANE',
    `${url.origin} did not send the root certificate that the token names (${rootSha256}); the last one it sent is ${prints.at(-1) ?? 'none'}`,
    {
      layer: 'plane',
      hint: 'It is the token of another plane, or the CA of this plane was replaced: make a new one with `tulle token create`, or, where it is the admin token, with `tulle plane --new-admin-token`.',
    },
  )
}

function handshake(url: URL, context: SecureContext, verify: boolean, clock: Clock): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({
      host,
      port: Number(url.port || 443),
      servername: isIP(host) === 0 ? host : '',
      secureContext: context,
      rejectUnauthorized: verify,
      // A plane is known by its SPIFFE ID, not by its host name.
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['http/1.1'],
    })
    const fail = (error: unknown): void => {
      disarm()
      socket.destroy()
      reject(unreachable(url, error, 'connect'))
    }
    const disarm = clock.background(CONNECT_MS, () =>
      fail(new Error(`no connection within ${CONNECT_MS} ms`)),
    )
    socket.once('error', fail)
    socket.once('close', () => fail(new Error('the connection was closed during the TLS handshake')))
    socket.once('secureConnect', () => {
      disarm()
      socket.removeAllListeners('close')
      socket.removeListener('error', fail)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}
