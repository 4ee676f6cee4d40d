import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { MtlsMode } from '../core/identity.ts'
import type { Clock } from '../core/ports.ts'
import type { DrainingServer, Listener } from '../core/runtime.ts'
import type { Connections } from './connections.ts'
import type { Exchange } from './exchange.ts'
import { InFlight } from './in-flight.ts'

/**
 * How long a connection that was open may still bring a request after the last answer, in milliseconds: one whose
 * first packet is under way is served rather than cut.
 */
const LINGER_MS = 100

/** What is in flight on one HTTP server, and how it comes to rest (SEMANTICS 2.29). */
export class DrainingHttp implements DrainingServer {
  readonly name: string
  /** Undefined until it listens, and for a server that is not ours. */
  listener: Listener | undefined
  readonly #server: Server
  readonly #clock: Clock
  readonly #connections: Connections | undefined
  readonly #exchanges = new InFlight<Exchange>()
  /** Connections that are still being made. */
  arriving: () => number = () => 0
  #announced = false
  #finishing: (() => void) | undefined
  #disarm: (() => void) | undefined

  constructor(name: string, server: Server, clock: Clock, connections?: Connections) {
    this.name = name
    this.#server = server
    this.#clock = clock
    this.#connections = connections
  }

  /** The server listens: from now on registration and health know where. */
  listensAs(mtls: MtlsMode): void {
    const address = this.#server.address() as AddressInfo | string | null
    if (address === null || typeof address === 'string') return
    this.listener = Object.freeze({ host: address.address, port: address.port, protocol: 'http', mtls })
  }

  get inFlight(): number {
    return this.#exchanges.size
  }

  add(exchange: Exchange): void {
    this.#exchanges.add(exchange)
    this.#disarm?.()
    if (this.#announced) exchange.lastOfConnection()
  }

  delete(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
    if (this.#finishing !== undefined) this.#rest(this.#finishing)
  }

  /** The exchange a connection is busy with; the oldest, where requests were pipelined. */
  of(socket: Socket): Exchange | undefined {
    return this.#exchanges.all().find((exchange) => exchange.req.socket === socket)
  }

  announce(): void {
    if (this.#announced) return
    this.#announced = true
    for (const exchange of this.#exchanges.all()) exchange.lastOfConnection()
  }

  finish(signal: AbortSignal): Promise<void> {
    this.announce()
    return new Promise((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#finishing = resolve
      // Also closes what is idle now; called back when the last connection is gone.
      this.#server.close(() => resolve())
      this.#rest(resolve)
    })
  }

  destroy(): void {
    this.#disarm?.()
    if (this.#server.listening) this.#server.close()
    this.#server.closeAllConnections()
    // Node forgets a connection once it is upgraded.
    this.#connections?.destroy()
  }

  /** Connections whose answers began before the announcement do not close by themselves. */
  #rest(resolve: () => void): void {
    this.#disarm?.()
    if (this.#exchanges.size > 0) return
    this.#disarm = this.#clock.background(LINGER_MS, () => {
      if (this.arriving() > 0) {
        this.#rest(resolve)
        return
      }
      this.#server.closeIdleConnections()
      resolve()
    })
  }
}
