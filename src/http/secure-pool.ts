import type { TLSSocket } from 'node:tls'
import type { Pool } from 'undici'
import { type MeshError, stormError } from '../core/errors.ts'
import type { Identity, VerifiedPeer } from '../core/identity.ts'
import type { Clock } from '../core/ports.ts'
import type { ConnectParams } from '../policy/connect.ts'
import { guarded } from './connector.ts'
import { openPool } from './pool.ts'
import { secureConnector } from './tls-connector.ts'
import type { Wiring } from './wiring.ts'

/** How much longer than a connection a handshake may take: by default 5 s, as servers of ours give it. */
const HANDSHAKE_FACTOR = 5
/** How long before their greatest age the calls on old connections may still end by themselves, in milliseconds. */
const DRAIN_MS = 300_000

export interface SecurePoolDeps {
  /** `address:port`. */
  readonly id: string
  readonly params: ConnectParams
  readonly wiring: Wiring
  readonly identity: Identity
  readonly expected: string
  /** How old a connection may become, in milliseconds; counted from the opening of the pool. */
  readonly maxAgeMs: number
  /** It is time to retire this pool. */
  aged(): void
  /** It was retired, and its last connection is gone. */
  gone(): void
}

/**
 * The secure connections to one endpoint that were opened between two changes, and who is at their other ends.
 *
 * open → retired (`drain` or `destroy`; it takes no further call) → gone. At its greatest age what is left is cut.
 */
export class SecurePool {
  readonly pool: Pool
  readonly #clock: Clock
  readonly #gone: () => void
  /** Also those that 101 or CONNECT handed to a caller: trust ends for them too, and age. */
  readonly #held = new Map<TLSSocket, VerifiedPeer>()
  #disarm: () => void
  #closed = false

  constructor(deps: SecurePoolDeps) {
    const { id, params, wiring, identity, expected, maxAgeMs } = deps
    this.#clock = wiring.clock
    this.#gone = () => deps.gone()
    const made = (socket: TLSSocket, peer: VerifiedPeer): void => this.#hold(socket, peer)
    const connect = secureConnector({ identity, expected, made }, wiring.debut)
    this.pool = openPool(
      `https://${id}`,
      params.idleTimeout,
      guarded(connect, params.timeout, wiring.breaking, wiring.clock, HANDSHAKE_FACTOR * params.timeout),
    )
    this.#disarm = this.#clock.background(maxAgeMs - DRAIN_MS, () => this.#age(deps))
  }

  /** Resolves when the calls that run have ended; a connection that was handed to a caller is not waited for. */
  drain(): Promise<void> {
    return this.#close(() => this.pool.close())
  }

  destroy(): Promise<void> {
    return this.#close(() => this.pool.destroy())
  }

  /** Cuts the connections for which there is a reason. */
  cut(reason: (peer: VerifiedPeer) => MeshError | undefined): void {
    for (const [socket, peer] of this.#held) {
      const error = reason(peer)
      if (error !== undefined) socket.destroy(error)
    }
  }

  async #close(close: () => Promise<void>): Promise<void> {
    if (!this.pool.destroyed) await close()
    this.#closed = true
    this.#settle()
  }

  #age(deps: SecurePoolDeps): void {
    deps.aged()
    this.#disarm = this.#clock.background(DRAIN_MS, () => this.cut(tooOld))
  }

  #hold(socket: TLSSocket, peer: VerifiedPeer): void {
    this.#held.set(socket, peer)
    socket.once('close', () => {
      this.#held.delete(socket)
      this.#settle()
    })
  }

  #settle(): void {
    if (!this.#closed || this.#held.size > 0) return
    this.#disarm()
    this.#gone()
  }
}

function tooOld(): MeshError {
  return stormError('TULLE_RESET', 'it has reached the greatest age of a connection, 1 h', {
    hint: 'Streams over mutual TLS end after an hour, so that no trust outlives its certificates by long; open them again.',
  })
}
