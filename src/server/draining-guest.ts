import type { AddressInfo, Server } from 'node:net'
import type { MtlsMode } from '../core/identity.ts'
import type { DrainingServer, Guest, Listener, Runtime } from '../core/runtime.ts'
import type { Connections } from './connections.ts'
import type { Handshakes } from './handshakes.ts'

/** How often it is asked whether handshakes that had begun are over, in milliseconds. */
const ASK_MS = 50

export interface DrainingGuestOptions {
  readonly protocol: Listener['protocol']
  /** Undefined: no TLS is spoken. */
  readonly handshakes: Handshakes | undefined
}

/** How a listener whose connections a guest speaks on comes to rest (SEMANTICS 2.29). */
export class DrainingGuest implements DrainingServer {
  readonly name: string
  /** Undefined until it listens. */
  listener: Listener | undefined
  readonly #server: Server
  readonly #guest: Guest
  readonly #connections: Connections
  readonly #options: DrainingGuestOptions
  readonly #clock: Runtime['clock']
  #announced = false

  constructor(
    { service, clock }: Runtime,
    server: Server,
    guest: Guest,
    connections: Connections,
    options: DrainingGuestOptions,
  ) {
    this.name = service
    this.#clock = clock
    this.#server = server
    this.#guest = guest
    this.#connections = connections
    this.#options = options
  }

  /** The server listens: from now on registration and health know where. */
  listensAs(mtls: MtlsMode): void {
    const { address: host, port } = this.#server.address() as AddressInfo
    this.listener = Object.freeze({ host, port, protocol: this.#options.protocol, mtls })
  }

  announce(): void {
    if (this.#announced) return
    this.#announced = true
    this.#guest.announce()
  }

  finish(signal: AbortSignal): Promise<void> {
    this.announce()
    return new Promise((resolve, reject) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (this.#server.listening) this.#server.close()
      this.#handshakesOver(signal)
        .then(() => this.#guest.rest())
        .then(resolve, reject)
    })
  }

  destroy(): void {
    if (this.#server.listening) this.#server.close()
    this.#guest.destroy()
    this.#connections.destroy()
  }

  /** A call may be right behind a handshake. */
  async #handshakesOver(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#options.handshakes?.underWay ?? 0) > 0)
      await new Promise<void>((resolve) => void this.#clock.background(ASK_MS, resolve))
  }
}
