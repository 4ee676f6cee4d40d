import type { Socket } from 'node:net'
import type { PeerIdentity } from '../core/call.ts'
import type { MeshError } from '../core/errors.ts'
import type { Arrival, Runtime } from '../core/runtime.ts'
import type { Door } from './door.ts'
import { securedOf } from './secured.ts'

/** A connection that was let in, as a guest sees it. */
export class Incoming implements Arrival {
  readonly socket: Socket
  readonly open: boolean
  readonly #runtime: Runtime
  readonly #door: Door | undefined
  /** Where nobody is judged. */
  readonly #address: PeerIdentity

  /** @param door undefined: nobody is judged, and everybody's word is believed */
  constructor(runtime: Runtime, socket: Socket, door: Door | undefined) {
    this.socket = socket
    this.open = door?.open ?? false
    this.#runtime = runtime
    this.#door = door
    this.#address = Object.freeze({ address: socket.remoteAddress })
  }

  caller(): PeerIdentity | MeshError {
    return this.#door === undefined ? this.#address : this.#door.caller(this.socket)
  }

  /** Cut, if it is still there some time later. A connection in plaintext never gets old: there is no certificate to replace. */
  onOld(fn: () => void): void {
    const secured = securedOf(this.socket)
    if (secured === undefined) return
    const { clock } = this.#runtime
    let disarm = (): void => {}
    const arm = (): void => {
      disarm()
      disarm = clock.background(Math.max(0, secured.closeAtMs - clock.now()), () => {
        secured.onSooner = undefined
        fn()
      })
    }
    secured.onSooner = arm
    arm()
    const disarmCut = clock.background(Math.max(0, secured.cutAtMs - clock.now()), () =>
      this.socket.destroy(),
    )
    this.socket.once('close', () => {
      secured.onSooner = undefined
      disarm()
      disarmCut()
    })
  }
}
