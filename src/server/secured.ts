import type { Duplex } from 'node:stream'
import type { PeerIdentity } from '../core/call.ts'
import type { VerifiedPeer } from '../core/identity.ts'

/** A connection whose peer has proved who it is. */
export interface Secured {
  readonly peer: VerifiedPeer
  /** What requests are told of it: one frozen object for all of them. */
  readonly caller: PeerIdentity
  /** Of the material the handshake was made with. */
  readonly generation: number
  /** When an answer shall ask for a new connection, in `Clock.now()` milliseconds. */
  closeAtMs: number
  /** When it ends, whatever runs on it, in `Clock.now()` milliseconds; guests' connections alone. */
  readonly cutAtMs: number
  /** Told when `closeAtMs` has come nearer. */
  onSooner?: (() => void) | undefined
}

/** By socket, of every listener in this process: what stands here was verified by us, and by nobody else. */
const SECURED = new WeakMap<Duplex, Secured>()

export function securedOf(socket: Duplex): Secured | undefined {
  return SECURED.get(socket)
}

export function remember(socket: Duplex, secured: Secured): void {
  SECURED.set(socket, secured)
}
