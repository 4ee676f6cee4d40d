import type { Duplex } from 'node:stream'
import type { ConnectionInjector } from '@grpc/grpc-js'
import type { Hop } from '../core/hop.ts'
import type { Arrival, Guest, Runtime } from '../core/runtime.ts'
import type { Carrier } from './carrier.ts'
import { GrpcConnection } from './guest-connection.ts'
import type { GrpcHealth } from './health.ts'
import type { GrpcInboundCall, GrpcInboundWire } from './inbound-call.ts'
import { MAX_HEADER_BYTES } from './metadata-in.ts'

/**
 * How long connections whose callers do not close them may stay after the last call, in milliseconds: what has been
 * answered may still be on its way.
 */
const LINGER_MS = 1000

/** How long a peer may take to speak HTTP/2, in milliseconds: as long as a head may take where HTTP is served. */
const HELLO_MS = 10_000
/** Whoever speaks it has acknowledged our settings by then (RFC 9113, 6.5.3): this many bytes since it was let in. */
const ACKNOWLEDGED = 9

/** Hands a connection to grpc-js with the interceptor that knows who is at its other end. */
export type Inject = (arrival: Arrival, carrier: Carrier) => ConnectionInjector

/** The gRPC side of one listener: its connections, its calls in flight, and how they come to rest. */
export class GrpcGuest implements Guest {
  readonly runtime: Runtime
  readonly hop: Hop<GrpcInboundCall>
  readonly maxHeaderBytes: number
  readonly #health: GrpcHealth | undefined
  readonly #inject: Inject
  readonly #connections = new Set<GrpcConnection>()
  #calls = 0
  #opened = false
  #announced = false
  #rested: (() => void) | undefined
  #disarm: (() => void) | undefined

  constructor(
    runtime: Runtime,
    health: GrpcHealth | undefined,
    inject: Inject,
    maxHeaderBytes = MAX_HEADER_BYTES,
  ) {
    this.runtime = runtime
    this.hop = insideOf(runtime)
    this.#health = health
    this.#inject = inject
    this.maxHeaderBytes = maxHeaderBytes
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections.size
  }

  /** The listener listens. */
  opens(names: readonly string[]): void {
    if (this.#announced) return
    this.#opened = true
    this.#health?.opens(names)
  }

  arrived(arrival: Arrival): void {
    const socket = arrival.socket as Duplex & { readonly bytesRead: number }
    if (socket.destroyed) return
    const { bytesRead } = socket
    const disarm = this.runtime.clock.background(HELLO_MS, () => {
      if (socket.bytesRead - bytesRead < ACKNOWLEDGED) socket.destroy()
    })
    const connection = new GrpcConnection(this, arrival, this.#inject)
    this.#connections.add(connection)
    socket.once('close', () => {
      disarm()
      connection.closed()
      this.#connections.delete(connection)
      this.#look()
    })
    if (this.#rested !== undefined) connection.goAway()
    else arrival.onOld(() => connection.goAway())
  }

  announce(): void {
    if (this.#announced) return
    this.#announced = true
    if (this.#opened) this.#health?.closes()
    for (const connection of this.#connections) connection.goAway()
  }

  rest(): Promise<void> {
    this.announce()
    this.#health?.endWatches()
    // Those that came after the announcement, too.
    for (const connection of this.#connections) connection.goAway()
    return new Promise((resolve) => {
      this.#rested = resolve
      this.#look()
    })
  }

  destroy(): void {
    this.#disarm?.()
    this.#rested = undefined
    for (const connection of this.#connections) connection.goAway()
  }

  began(): void {
    this.#calls++
    this.#disarm?.()
  }

  ceased(): void {
    this.#calls--
    if (this.#rested !== undefined) this.#look()
  }

  #look(): void {
    const resolve = this.#rested
    if (resolve === undefined) return
    this.#disarm?.()
    if (this.#connections.size === 0) resolve()
    else if (this.#calls === 0) this.#disarm = this.runtime.clock.background(LINGER_MS, resolve)
  }
}

const INSIDES = new WeakMap<Runtime, Hop<GrpcInboundCall>>()

/** The stack of a runtime around our leaf, built once. */
function insideOf(runtime: Runtime): Hop<GrpcInboundCall> {
  let inside = INSIDES.get(runtime)
  if (inside === undefined) {
    inside = runtime.inbound<GrpcInboundWire>((call, observer) =>
      call.wire.begin(call as GrpcInboundCall, observer),
    ) as Hop<GrpcInboundCall>
    INSIDES.set(runtime, inside)
  }
  return inside
}
