import type { ChannelOptions } from '@grpc/grpc-js'
import type { Credentials } from '../core/credentials.ts'
import type { EndpointState } from '../core/endpoint.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import type { Identity, IdentityChange } from '../core/identity.ts'
import type { TransportDeps } from '../core/leaf.ts'
import { connectPiece } from '../policy/connect.ts'
import { Connection } from './connection.ts'
import { Handshake } from './handshake.ts'
import type { Lanes } from './lanes.ts'
import { targetOf } from './transport-options.ts'
import { unproven, unsecured } from './unreachable.ts'
import type { Way } from './way.ts'

/** How much longer than a connection a handshake may take: by default 5 s, as servers of ours give it. */
const HANDSHAKE_FACTOR = 5
/** The greatest age of a connection, in milliseconds; ± 10 %, so that not all are made anew at once (gRFC A9). */
const MAX_AGE_MS = 3_600_000
/** How long before it the calls on old connections may still end by themselves, in milliseconds. */
const DRAIN_MS = 300_000
/** Within how long after a renewal connections are made anew, in milliseconds; never more than a quarter of what is left. */
const RENEWAL_WINDOW_MS = 600_000
const TOO_OLD = 'it has reached the greatest age of a connection, 1 h'
const TOO_OLD_HINT =
  'Streams over mutual TLS end after an hour, so that no trust outlives its certificates by long; open them again.'

export interface SecureDeps {
  readonly identity: Identity
  readonly credentials: Credentials
}

interface Held {
  readonly handshake: Handshake
  /** Of its age. */
  disarm: () => void
}

/**
 * Mutual TLS to one endpoint: a new certificate of ours retires the connections at some moment soon, a loss of trust at
 * once, age in any case. What is retired takes no further call, and the calls on it end there; at its greatest age what is
 * left is cut.
 *
 * Who the endpoint must prove to be is settled with the first connection and never changes afterwards.
 */
export class SecureWay implements Way {
  readonly clock
  readonly random
  readonly #endpoint: EndpointState
  readonly #deps: TransportDeps
  readonly #secure: SecureDeps
  readonly #lanes: Lanes
  readonly #held = new Map<Connection, Held>()
  readonly #unsubscribe: () => void
  #expected: string | undefined
  #renewal: (() => void) | undefined

  constructor(endpoint: EndpointState, deps: TransportDeps, secure: SecureDeps, lanes: Lanes) {
    this.clock = deps.clock
    this.random = deps.random
    this.#endpoint = endpoint
    this.#deps = deps
    this.#secure = secure
    this.#lanes = lanes
    this.#unsubscribe = secure.identity.onChange((change) => this.#changed(change))
  }

  refusal(nowMs: number): MeshError | undefined {
    const refused = this.#secure.credentials.refusal(nowMs)
    if (refused !== undefined || this.#expected !== undefined) return refused
    this.#expected = this.#endpoint.identity ?? this.#secure.identity.idOf(this.#endpoint.service.name)
    return this.#expected === undefined ? this.#unknown() : undefined
  }

  timeoutMs(): number {
    return HANDSHAKE_FACTOR * this.#endpoint.params(connectPiece).timeout
  }

  open(options: ChannelOptions): Connection | (() => MeshError) {
    const { identity } = this.#secure
    const { current } = identity
    if (current === undefined || this.#expected === undefined)
      return () => identity.refusal() ?? stormError('TULLE_IDENTITY', 'there is no certificate')
    const handshake = new Handshake(identity, current, this.#expected)
    const connection = new Connection(targetOf(this.#endpoint), handshake.credentials, options, this.#deps)
    this.#held.set(connection, { handshake, disarm: () => {} })
    return connection
  }

  made(connection: Connection): (() => MeshError) | undefined {
    const held = this.#held.get(connection) as Held
    const objection = held.handshake.objection()
    if (objection !== undefined) return unproven(this.#endpoint, objection)
    const maxAgeMs = MAX_AGE_MS * (0.9 + 0.2 * this.random())
    held.disarm = this.clock.background(maxAgeMs - DRAIN_MS, () => this.#aged(connection, held))
    // The renewal came in the middle of this handshake, and found nothing to retire.
    if (held.handshake.outdated) this.#retireSoon()
    return undefined
  }

  explain(connection: Connection, reason: string | undefined): () => MeshError {
    const refused = this.#held.get(connection)?.handshake.refusal
    return refused === undefined ? unsecured(this.#endpoint, reason) : unproven(this.#endpoint, refused)
  }

  gone(connection: Connection): void {
    this.#held.get(connection)?.disarm()
    this.#held.delete(connection)
  }

  end(): void {
    this.#renewal?.()
    this.#unsubscribe()
    for (const connection of [...this.#held.keys()]) this.gone(connection)
  }

  #changed(change: IdentityChange): void {
    if (change === 'renewed') {
      this.#retireSoon()
      return
    }
    const { identity } = this.#secure
    for (const [connection, { handshake }] of [...this.#held]) {
      const objection = handshake.peer && identity.objection(handshake.peer)
      if (objection === undefined) continue
      connection.cut(objection.message, objection.hint)
      connection.destroy()
    }
    this.#retire()
  }

  /** A renewal that follows another changes nothing: connections made from now on use the newest certificate anyway. */
  #retireSoon(): void {
    if (this.#renewal !== undefined) return
    const lifeMs = (this.#secure.identity.current?.notAfterMs ?? 0) - this.#deps.wall()
    const windowMs = Math.max(0, Math.min(RENEWAL_WINDOW_MS, lifeMs / 4))
    this.#renewal = this.clock.background(this.random() * windowMs, () => this.#retire())
  }

  #retire(): void {
    this.#renewal?.()
    this.#renewal = undefined
    for (const lane of this.#lanes.all()) lane.retire()
  }

  #aged(connection: Connection, held: Held): void {
    for (const lane of this.#lanes.all()) if (lane.connection === connection) lane.retire()
    if (!this.#held.has(connection)) return
    held.disarm = this.clock.background(DRAIN_MS, () => connection.cut(TOO_OLD, TOO_OLD_HINT))
  }

  #unknown(): MeshError {
    const { id, service } = this.#endpoint
    return stormError(
      'TULLE_IDENTITY',
      `${service.name}: who ${id} must prove to be is not known, since our own SPIFFE ID (${this.#secure.identity.id}) has no place for a service's name`,
      {
        layer: 'grpc',
        service: service.name,
        endpoint: id,
        hint: 'Give the endpoints of the service their `identity`, a SPIFFE ID; or use certificates whose path ends with /svc/<name>.',
      },
    )
  }
}
