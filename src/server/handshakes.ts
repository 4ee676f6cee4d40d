import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Identity, IdentityChange } from '../core/identity.ts'
import { chainOf } from '../core/peer-chain.ts'
import { kindOf, RefusalLog } from '../core/refusal-log.ts'
import type { Runtime } from '../core/runtime.ts'
import { closeAfterRenewal, closeAt, cutAt } from './ageing.ts'
import { objectionTo } from './door.ts'
import { demandContextField, handshakeWith } from './handshake-context.ts'
import { handshakeReason } from './handshake-reason.ts'
import { remember, type Secured } from './secured.ts'

export interface HandshakeOptions {
  /** For the whole handshake, its first byte included, in milliseconds. */
  readonly handshakeMs: number
  /** The protocols that may be agreed upon. */
  readonly alpn: readonly string[]
  /**
   * Agreed upon as well, and meaning nothing: Consul's own proxy offers `h2` and nothing else, whatever the bytes are
   * that it carries. Default none.
   */
  readonly alpnOfProxies?: string | undefined
}

/** Of the time for a handshake, the share in which the first byte must come: a TLS client speaks at once. */
export const FIRST_BYTE_SHARE = 0.4

/**
 * Makes the handshakes of one listener on sockets that it accepted itself, judges who came, and keeps watch over what
 * is open: a change of trust is asked of every connection at once, a renewal lets them age.
 *
 * The `tls.Server` in here never listens. It has no resumption (a resumed session shows no certificate, so nobody
 * would be judged): contexts carry SSL_OP_NO_TICKET, `ticketKeys` is never set, and nobody keeps sessions.
 */
export class Handshakes {
  readonly #runtime: Runtime
  readonly #identity: Identity
  readonly #tls: Server
  readonly #refusals: RefusalLog
  readonly #accepted: (socket: TLSSocket) => void
  readonly #open = new Map<TLSSocket, Secured>()
  #unwatch: (() => void) | undefined
  #underWay = 0

  /**
   * @param accepted gets every socket whose peer is verified and judged good
   * @throws TULLE_CONFIG on a version of Node that this does not work with
   */
  constructor(
    runtime: Runtime,
    identity: Identity,
    { handshakeMs, alpn, alpnOfProxies }: HandshakeOptions,
    accepted: (socket: TLSSocket) => void,
  ) {
    this.#runtime = runtime
    this.#identity = identity
    this.#accepted = accepted
    this.#refusals = new RefusalLog(runtime.clock, runtime.log)
    this.#tls = createServer({
      requestCert: true,
      rejectUnauthorized: true,
      // Where nothing is common, OpenSSL ends the handshake with an alert that says so.
      ALPNCallback: ({ protocols }) =>
        [...alpn, alpnOfProxies].find((each) => each !== undefined && protocols.includes(each)),
      handshakeTimeout: Math.max(1, handshakeMs * (1 - FIRST_BYTE_SHARE)),
    })
    demandContextField(this.#tls)
    this.#tls.on('secureConnection', (socket) => this.#secured(socket))
    this.#tls.on('tlsClientError', (error, socket) => this.#failed(error, socket))
  }

  /** Handshakes that have begun and not ended: a drain lets them, for a request may be right behind. */
  get underWay(): number {
    return this.#underWay
  }

  /** From now on changes of trust reach what is open. */
  watch(): void {
    this.#unwatch ??= this.#identity.onChange((change) => this.#changed(change))
  }

  close(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  /** A socket whose first byte says TLS, that byte given back to it. */
  begin(socket: Socket): void {
    const material = this.#identity.current
    if (material === undefined) {
      const reason = this.#identity.refusal()?.message ?? 'There is no certificate yet.'
      this.#refuse(reason, { code: 'TULLE_IDENTITY' }, socket)
      return
    }
    handshakeWith(this.#tls, material.context)
    this.#underWay++
    // An HTTP server accepts sockets half open: a client that leaves in the middle would be waited for until the
    // handshake's time is over. TLS has no half-closed handshake.
    socket.allowHalfOpen = false
    this.#tls.emit('connection', socket)
  }

  #secured(socket: TLSSocket): void {
    this.#underWay--
    socket.on('error', () => {})
    // Another certificate in the middle of a connection (TLS 1.2) would be nobody's that we have judged.
    socket.disableRenegotiation()
    const secured = this.#judged(socket)
    if (isMeshError(secured)) {
      this.#refuse(secured.message, { code: secured.code }, socket)
      return
    }
    remember(socket, secured)
    this.#open.set(socket, secured)
    socket.once('close', () => this.#open.delete(socket))
    this.#accepted(socket)
  }

  /** Never throws: what cannot be judged is refused. */
  #judged(socket: TLSSocket): Secured | MeshError {
    const { clock, random } = this.#runtime
    const identity = this.#identity
    try {
      if (!socket.authorized || socket.isSessionReused())
        return new MeshError('TULLE_PEER', 'The peer was not verified in this handshake.', {
          layer: 'server',
        })
      const peer = identity.judge(chainOf(socket.getPeerCertificate(true)))
      if (isMeshError(peer)) return peer
      const own = identity.current
      const certificatesMs = Math.min(peer.notAfterMs, own?.notAfterMs ?? 0) - this.#runtime.wall()
      const { id, service } = peer
      const secured: Secured = {
        peer,
        caller: Object.freeze({ id, service, address: socket.remoteAddress }),
        generation: own?.generation ?? 0,
        closeAtMs: closeAt({ nowMs: clock.now(), certificatesMs }, random),
        cutAtMs: cutAt(clock.now()),
      }
      // Trust may have changed since the handshake began.
      return objectionTo(identity, secured) ?? secured
    } catch (cause) {
      return new MeshError('TULLE_PEER', 'The peer could not be judged.', { layer: 'server', cause })
    }
  }

  #failed(error: Error & { code?: string }, socket: TLSSocket): void {
    this.#underWay--
    socket.on('error', () => {})
    const { authorizationError } = socket as { authorizationError?: unknown }
    this.#refuse(handshakeReason(authorizationError, error.code), { code: 'TULLE_TLS' }, socket)
  }

  #refuse(reason: string, fields: { readonly code: string }, socket: Socket): void {
    this.tell(reason, fields.code, { socket, counted: kindOf(reason) })
    socket.destroy()
  }

  /** Says in the log, at a rate that strangers cannot raise, and to whoever counts, that somebody was refused. */
  tell(reason: string, code: string, about: { readonly socket: Socket; readonly counted: string }): void {
    const { events } = this.#runtime
    const address = about.socket.remoteAddress
    this.#refusals.warn('refused a connection', reason, { code, address })
    if (events.wants('connection-refused'))
      events.emit('connection-refused', { reason: about.counted, peer: address })
  }

  #changed(change: IdentityChange): void {
    const { clock, random } = this.#runtime
    const generation = this.#identity.current?.generation ?? 0
    for (const [socket, secured] of this.#open) {
      const objection = change === 'trust' ? objectionTo(this.#identity, secured) : undefined
      if (objection !== undefined) this.#refuse(objection.message, { code: objection.code }, socket)
      else if (secured.generation !== generation) {
        secured.closeAtMs = closeAfterRenewal(secured.closeAtMs, clock.now(), random)
        secured.onSooner?.()
      }
    }
  }
}
