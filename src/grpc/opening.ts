import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { Ambient, AmbientStore } from '../core/ambient.ts'

const CHANNEL = 'net.client.socket'

/**
 * The sockets that one connection of grpc-js is made with. grpc-js goes on making a connection that nobody wants any more,
 * and waits for ever for a peer that accepts and says nothing; so they are kept at hand to be ended. They are known by the
 * async context they are made in: Node tells of every socket as it is made.
 */
export class Opening {
  readonly #store: AmbientStore | undefined
  readonly #ambient: Ambient = {}
  readonly #sockets = new Set<Socket>()
  #watching = false

  constructor(store: AmbientStore | undefined) {
    this.#store = store
  }

  /** @param connect begins to make the connection */
  begin(connect: () => void): void {
    if (this.#store === undefined) {
      connect()
      return
    }
    this.#watching = true
    subscribe(CHANNEL, this.#made)
    this.#store.run(this.#ambient, connect)
  }

  /** The connection is made, or no more wanted: no other socket will be made for it. */
  done(): void {
    if (this.#watching) unsubscribe(CHANNEL, this.#made)
    this.#watching = false
  }

  cut(): void {
    this.done()
    for (const socket of this.#sockets) socket.destroy()
  }

  readonly #made = (message: unknown): void => {
    if (this.#store?.get() !== this.#ambient) return
    const { socket } = message as { readonly socket: Socket }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
