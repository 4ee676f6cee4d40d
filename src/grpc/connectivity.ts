import { connectivityState, type Deadline } from '@grpc/grpc-js'
import type { Runtime } from '../core/runtime.ts'
import { deadlineMs } from './parent.ts'

/** How often a watch looks by itself, in milliseconds: a name may become known without an event. */
const LOOK_AGAIN_MS = 1000

/** What is told when the state has changed, or an error when the time was up first. */
type Told = (error?: Error) => void

/**
 * The connectivity of a channel as far as a mesh has one: ready where the service has an endpoint. Connections are the
 * endpoints' own, made at the first call, and no state of this channel.
 *
 *     IDLE → CONNECTING (the mesh starts, or the first endpoints are awaited) → READY ⇄ TRANSIENT_FAILURE (none)
 *     any → SHUTDOWN (the channel or the mesh was closed)
 */
export class Connectivity {
  readonly #runtime: Runtime
  readonly #service: string
  readonly #watches = new Set<() => void>()
  #closed = false

  constructor(runtime: Runtime, service: string) {
    this.#runtime = runtime
    this.#service = service
  }

  get closed(): boolean {
    return this.#closed
  }

  /** @param tryToConnect starts the mesh where nobody has */
  state(tryToConnect: boolean): connectivityState {
    const { state } = this.#runtime
    if (this.#closed || state === 'closed') return connectivityState.SHUTDOWN
    if (tryToConnect && state === 'idle') this.#runtime.whenReady().catch(FAILS_AGAIN_IN_EVERY_CALL)
    if (this.#runtime.state === 'idle') return connectivityState.IDLE
    if (this.#runtime.state === 'starting') return connectivityState.CONNECTING
    const service = this.#runtime.endpoints(this.#service)
    if (service === undefined) return connectivityState.TRANSIENT_FAILURE
    if (!service.ready) return connectivityState.CONNECTING
    return service.endpoints.length > 0 ? connectivityState.READY : connectivityState.TRANSIENT_FAILURE
  }

  /** Runs `told` once: when the state is another than `from`, or with an error at the deadline. */
  watch(from: connectivityState, deadline: Deadline, told: Told): void {
    if (this.#closed) throw new Error('Channel has been shut down')
    const { clock, events } = this.#runtime
    const undo: (() => void)[] = []
    const finish = (error?: Error): void => {
      if (!this.#watches.delete(look)) return
      for (const one of undo) one()
      process.nextTick(told, error)
    }
    const look = (): void => {
      if (this.state(false) !== from) finish()
    }
    let disarmLook = (): void => {}
    const lookAgain = (): void => {
      disarmLook = clock.after(LOOK_AGAIN_MS, lookAgain)
      look()
    }
    this.#watches.add(look)
    const leftMs = deadlineMs(deadline) - this.#runtime.wall()
    if (!(leftMs > 0)) {
      finish(tooLate())
      return
    }
    undo.push(events.on('state', look), events.on('endpoints', look), events.on('policy-applied', look))
    const ready = this.#runtime.endpoints(this.#service)?.onReady(look)
    if (ready !== undefined) undo.push(ready)
    if (leftMs <= FAR_MS) undo.push(clock.after(leftMs, () => finish(tooLate())))
    undo.push(() => disarmLook())
    lookAgain()
  }

  close(): void {
    this.#closed = true
    for (const look of [...this.#watches]) look()
  }
}

/** The longest a timer can wait, in milliseconds. */
const FAR_MS = 2_147_483_647

/** A start that fails is told to the calls; a state has no errors. */
const FAILS_AGAIN_IN_EVERY_CALL = (): void => {}

const tooLate = (): Error => new Error('Deadline passed without connectivity state change')
