import type { Socket } from 'node:net'
import { stormError } from '../core/errors.ts'
import type { ServerLimits } from './limits.ts'
import { refuseRaw } from './refuse.ts'

type SocketLimits = Pick<ServerLimits, 'maxConnections' | 'maxConnectionsPerPeer'>

/** Every open socket of a server, upgraded ones included, counted in all and per remote address. */
export class Connections {
  readonly #limits: SocketLimits
  readonly #open = new Set<Socket>()
  readonly #perPeer = new Map<string, number>()
  readonly #silent: boolean

  /** @param silent a plaintext word would only confuse who expects TLS */
  constructor(limits: SocketLimits, silent = false) {
    this.#limits = limits
    this.#silent = silent
  }

  get size(): number {
    return this.#open.size
  }

  /** False: there were too many, and this one is being ended. */
  admit(socket: Socket): boolean {
    // Whatever happens to a socket, at any time of its life: an error that nobody hears would end the process.
    socket.on('error', () => {})
    const peer = socket.remoteAddress ?? ''
    const ofPeer = this.#perPeer.get(peer) ?? 0
    const { maxConnections, maxConnectionsPerPeer } = this.#limits
    const full = maxConnections > 0 && this.#open.size >= maxConnections
    // Local pipes have no address, and are one peer only by accident.
    if (full || (peer !== '' && maxConnectionsPerPeer > 0 && ofPeer >= maxConnectionsPerPeer)) {
      if (this.#silent) {
        socket.destroy()
        return false
      }
      const message = full
        ? 'This server has too many connections.'
        : 'This address has too many connections here.'
      refuseRaw(socket, stormError('TULLE_OVERLOADED', message, { layer: 'server' }))
      return false
    }
    this.#open.add(socket)
    this.#perPeer.set(peer, ofPeer + 1)
    socket.once('close', () => this.#gone(socket, peer))
    return true
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy()
  }

  #gone(socket: Socket, peer: string): void {
    this.#open.delete(socket)
    const left = (this.#perPeer.get(peer) ?? 1) - 1
    if (left === 0) this.#perPeer.delete(peer)
    else this.#perPeer.set(peer, left)
  }
}
