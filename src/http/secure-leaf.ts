import type { Attempt } from '../core/attempt.ts'
import type { Credentials } from '../core/credentials.ts'
import type { EndpointState } from '../core/endpoint.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type Cancel, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { Identity, IdentityChange } from '../core/identity.ts'
import type { Leaf } from '../core/leaf.ts'
import { refusal } from '../core/outcome.ts'
import type { Random } from '../core/ports.ts'
import { connectPiece } from '../policy/connect.ts'
import { sendOver } from './pool.ts'
import { SecurePool } from './secure-pool.ts'
import type { Wiring } from './wiring.ts'

/** The greatest age of a connection, in milliseconds; ± 10 %, so that not all are made anew at once (gRFC A9). */
const MAX_AGE_MS = 3_600_000
/** Within how long after a renewal connections are made anew, in milliseconds; never more than a quarter of what is left. */
const RENEWAL_WINDOW_MS = 600_000

export interface SecureDeps {
  readonly identity: Identity
  readonly credentials: Credentials
  readonly random: Random
}

/**
 * Mutual TLS to one endpoint. Connections live in pools that follow one another: a new certificate of ours retires the
 * present pool at some moment soon, a loss of trust at once, age in any case. What is retired takes no further call and
 * its calls end on it; the call that comes next opens the next pool.
 *
 * Who the endpoint must prove to be is settled with the first pool and never changes afterwards.
 */
export class SecureLeaf implements Leaf {
  readonly #endpoint: EndpointState
  readonly #wiring: Wiring
  readonly #deps: SecureDeps
  readonly #unsubscribe: () => void
  readonly #retired = new Set<SecurePool>()
  #present: SecurePool | undefined
  #expected: string | undefined
  #renewal: (() => void) | undefined
  #closed = false

  constructor(endpoint: EndpointState, wiring: Wiring, deps: SecureDeps) {
    this.#endpoint = endpoint
    this.#wiring = wiring
    this.#deps = deps
    this.#unsubscribe = deps.identity.onChange((change) => this.#changed(change))
  }

  readonly hop = (attempt: Attempt<unknown>, observer: Observer): Cancel => {
    const refused = this.#deps.credentials.refusal(attempt.startedMs)
    const way = refused ?? this.#present ?? this.#open()
    if (way instanceof SecurePool) return sendOver(way.pool, attempt, observer, this.#wiring)
    observer.end(refusal(way))
    return NOTHING_TO_CANCEL
  }

  /** As any leaf closes. Connections that were handed to a caller are not waited for, but trust in them is still watched. */
  async close(): Promise<void> {
    const how = this.#wiring.running === 0 ? 'destroy' : 'drain'
    this.#closed = true
    this.#retire()
    await Promise.all([...this.#retired].map((pool) => pool[how]()))
    this.#forget()
  }

  destroy(): void {
    this.#closed = true
    this.#retire()
    for (const pool of this.#retired) void pool.destroy()
    this.#forget()
  }

  #open(): SecurePool | MeshError {
    if (this.#closed) return this.#closing()
    const { id, service } = this.#endpoint
    const { identity, random } = this.#deps
    this.#expected ??= this.#endpoint.identity ?? identity.idOf(service.name)
    const expected = this.#expected
    if (expected === undefined) return this.#unknown()
    const pool = new SecurePool({
      id,
      params: this.#endpoint.params(connectPiece),
      wiring: this.#wiring,
      identity,
      expected,
      maxAgeMs: MAX_AGE_MS * (0.9 + 0.2 * random()),
      aged: () => {
        if (this.#present === pool) this.#retire()
      },
      gone: () => {
        this.#retired.delete(pool)
        this.#forget()
      },
    })
    this.#present = pool
    return pool
  }

  #retire(): void {
    const pool = this.#present
    this.#renewal?.()
    this.#renewal = undefined
    if (pool === undefined) return
    this.#present = undefined
    this.#retired.add(pool)
    if (!this.#closed) void pool.drain()
  }

  #changed(change: IdentityChange): void {
    if (change === 'renewed') {
      this.#retireSoon()
      return
    }
    const { identity } = this.#deps
    const pools = this.#present === undefined ? [...this.#retired] : [this.#present, ...this.#retired]
    for (const pool of pools) pool.cut((peer) => identity.objection(peer))
    this.#retire()
  }

  /** A renewal that follows another changes nothing: connections made from now on use the newest certificate anyway. */
  #retireSoon(): void {
    if (this.#present === undefined || this.#renewal !== undefined) return
    const { identity, random } = this.#deps
    const { clock, wall } = this.#wiring
    const lifeMs = (identity.current?.notAfterMs ?? 0) - wall()
    const windowMs = Math.max(0, Math.min(RENEWAL_WINDOW_MS, lifeMs / 4))
    this.#renewal = clock.background(random() * windowMs, () => this.#retire())
  }

  #forget(): void {
    if (this.#closed && this.#retired.size === 0) this.#unsubscribe()
  }

  #closing(): MeshError {
    const { id, service } = this.#endpoint
    const details = { layer: 'http', service: service.name, endpoint: id }
    return stormError('TULLE_CLOSED', `${service.name}: the way to ${id} is closed`, details)
  }

  #unknown(): MeshError {
    const { id, service } = this.#endpoint
    return stormError(
      'TULLE_IDENTITY',
      `${service.name}: who ${id} must prove to be is not known, since our own SPIFFE ID (${this.#deps.identity.id}) has no place for a service's name`,
      {
        layer: 'http',
        service: service.name,
        endpoint: id,
        hint: 'Give the endpoints of the service their `identity`, a SPIFFE ID; or use certificates whose path ends with /svc/<name>.',
      },
    )
  }
}
