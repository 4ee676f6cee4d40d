import type { Pool } from 'undici'
import type { Attempt } from '../core/attempt.ts'
import { Credentials } from '../core/credentials.ts'
import type { EndpointState } from '../core/endpoint.ts'
import type { MeshError } from '../core/errors.ts'
import { type Cancel, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { Identity, LocalMode } from '../core/identity.ts'
import type { Leaf, LeafFactory } from '../core/leaf.ts'
import { type Outcome, refusal } from '../core/outcome.ts'
import type { Clock, Random } from '../core/ports.ts'
import { connectPiece } from '../policy/connect.ts'
import { protectionOf } from '../policy/protection.ts'
import { createConnector } from './connector.ts'
import { IdleWatch } from './idle.ts'
import { openPool, sendOver } from './pool.ts'
import { SecureLeaf } from './secure-leaf.ts'
import type { Wiring } from './wiring.ts'

export interface HttpLeafDeps {
  readonly clock: Clock
  wall(): number
  /** Spreads the moments at which secure connections are made anew. Default: always the middle. */
  readonly random?: Random | undefined
  /** Who this process is; undefined: nobody, and calls go out in plaintext where nothing else is demanded. */
  readonly identity?: Identity | undefined
  /** The local mode of calls. Default: `strict` with an identity, `disable` without; either gives way to policy. */
  readonly mtls?: LocalMode | undefined
}

/** The HTTP/1.1 transport: one undici Pool per endpoint, or one after the other where it is mutual TLS. */
export function createHttpLeafFactory(deps: HttpLeafDeps): LeafFactory {
  const { clock, identity, random = () => 0.5 } = deps
  const wall = (): number => deps.wall()
  const local = deps.mtls ?? { mode: identity === undefined ? 'disable' : 'strict', written: false }
  const shared = {
    clock,
    wall,
    idle: new IdleWatch(clock),
    breaking: { error: undefined },
    debut: { protocol: undefined },
  }
  const secure = identity && { identity, credentials: new Credentials(identity, clock, wall), random }
  return {
    protocol: 'http',
    open(endpoint) {
      const protection = protectionOf(endpoint, local, secure !== undefined)
      if (typeof protection === 'object') return new RefusingLeaf(protection.refuse)
      const wiring = { ...shared, running: 0 }
      return protection === 'tls' && secure !== undefined
        ? new SecureLeaf(endpoint, wiring, secure)
        : new PlaintextLeaf(endpoint, wiring)
    },
  }
}

class PlaintextLeaf implements Leaf {
  readonly #pool: Pool
  readonly #wiring: Wiring

  constructor(endpoint: EndpointState, wiring: Wiring) {
    const { timeout, idleTimeout } = endpoint.params(connectPiece)
    this.#wiring = wiring
    this.#pool = openPool(
      `http://${endpoint.id}`,
      idleTimeout,
      createConnector(timeout, wiring.breaking, wiring.clock),
    )
  }

  readonly hop = (attempt: Attempt<unknown>, observer: Observer): Cancel =>
    sendOver(this.#pool, attempt, observer, this.#wiring)

  /**
   * Waits for running attempts, and where there is none for nothing: a pool alone would wait for a connection that is
   * being made for a call long given up. Connections that 101 or CONNECT handed to a caller are no longer the pool's.
   */
  async close(): Promise<void> {
    if (this.#wiring.running === 0) await this.#pool.destroy()
    else if (!this.#pool.closed) await this.#pool.close()
  }

  destroy(): void {
    if (!this.#pool.destroyed) void this.#pool.destroy()
  }
}

/** Nothing was sent, and another endpoint may well be reached: so a connection fails. */
const UNREACHABLE: Outcome = {
  class: 'failure',
  condition: 'connect-failure',
  committed: false,
  unsent: true,
  phase: 'connect',
}

/** Where there is no way to an endpoint that the mode allows: because of it (it offers no TLS), or because of us. */
class RefusingLeaf implements Leaf {
  readonly #refuse: () => MeshError

  constructor(refuse: () => MeshError) {
    this.#refuse = refuse
  }

  readonly hop = (_attempt: Attempt<unknown>, observer: Observer): Cancel => {
    const error = this.#refuse()
    observer.end(error.refusal ? refusal(error) : { ...UNREACHABLE, error })
    return NOTHING_TO_CANCEL
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): void {}
}
