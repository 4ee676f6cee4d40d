import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { type AsyncMark, NO_AMBIENT } from '../core/ambient.ts'
import type { TransportDeps } from '../core/leaf.ts'

const CHANNEL = 'net.client.socket'
/**
 * How long a connection may be silent before the kernel asks whether its peer is there, in milliseconds; Node has it ask ten
 * times, a second apart. No server sees that, other than a ping.
 */
const PROBE_AFTER_MS = 30_000

export type OpeningDeps = Pick<TransportDeps, 'ambient' | 'asyncMark'>

/**
 * The sockets that one connection of grpc-js is made with. grpc-js goes on making a connection that nobody wants any more,
 * and waits for ever for a peer that accepts and says nothing; so they are kept at hand to be ended. They are known by the
 * async context they are made in: Node tells of every socket as it is made.
 */
export class Opening {
  readonly #deps: OpeningDeps
  readonly #sockets = new Set<Socket>()
  /** Undefined: not begun, or done. */
  #mark: AsyncMark | undefined

  constructor(deps: OpeningDeps) {
    this.#deps = deps
  }

  /** @param connect begins to make the connection */
  begin(connect: () => void): void {
    const { ambient } = this.#deps
    const mark = this.#deps.asyncMark?.()
    this.#mark = mark
    if (mark !== undefined) subscribe(CHANNEL, this.#made)
    const begin = mark === undefined ? connect : () => mark.run(connect)
    // To enter a context costs the whole process something as long as it lives: only where there is one to leave.
    if (ambient?.get() === undefined) begin()
    else ambient.run(NO_AMBIENT, begin)
  }

  /** The connection is made, or no more wanted: no other socket will be made for it. */
  done(): void {
    if (this.#mark === undefined) return
    unsubscribe(CHANNEL, this.#made)
    this.#mark.end()
    this.#mark = undefined
  }

  cut(): void {
    this.done()
    for (const socket of this.#sockets) socket.destroy()
  }

  readonly #made = (message: unknown): void => {
    if (this.#mark?.here !== true) return
    const { socket } = message as { readonly socket: Socket }
    socket.setKeepAlive(true, PROBE_AFTER_MS)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
