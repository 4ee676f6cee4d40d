import { AsyncResource } from 'node:async_hooks'
import { type ChannelOptions, connectivityState, type Deadline } from '@grpc/grpc-js'
import type { ServicePlan } from '../core/plan.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ServiceState } from '../core/service.ts'
import { deadlineMs } from './parent.ts'
import { reachOf } from './reach.ts'
import { Search, type Searcher } from './search.ts'

/** What is told when the state has changed, or an error when the time was up first. */
type Told = (error?: Error) => void

/** What may change the state without a change of any connection. */
const EVENTS = ['state', 'endpoints', 'policy-applied', 'ejected', 'readmitted', 'panic'] as const

/**
 * The connectivity of a channel, as grpc-js means it, over the endpoints of its service that speak gRPC:
 *
 * READY: there is a connection to one of them that calls may go to. Others get theirs with their first call.
 * CONNECTING: none yet, and one is being made; or the mesh starts, or the endpoints are not known yet.
 * TRANSIENT_FAILURE: to none of them a connection could be made, or there is none, or nobody knows the name; until one
 * is made. It is tried again with back-off.
 * IDLE: nobody has asked, or the last connection was closed.
 * SHUTDOWN: the channel or the mesh is closed.
 *
 * Asked to connect it connects one endpoint, not all. Connections are the mesh's: those that calls have made count.
 */
export class Connectivity implements Searcher {
  readonly runtime: Runtime
  readonly name: string
  readonly options: Readonly<ChannelOptions>
  readonly #plan: () => ServicePlan | undefined
  /** Each ends one watch. */
  readonly #watches = new Set<(error?: Error) => void>()
  /** The state all of them watch. */
  #watched = connectivityState.IDLE
  #search: Search | undefined
  #closed = false
  /** Undefined: nobody waits, and nothing is searched. */
  #deafen: (() => void)[] | undefined
  #heard: ServiceState | undefined
  #deafenService: () => void = nothing

  constructor(
    runtime: Runtime,
    name: string,
    plan: () => ServicePlan | undefined,
    options: Readonly<ChannelOptions>,
  ) {
    this.runtime = runtime
    this.name = name
    this.options = options
    this.#plan = plan
  }

  get closed(): boolean {
    return this.#closed
  }

  get watched(): boolean {
    return this.#watches.size > 0
  }

  service(): ServiceState | undefined {
    const plan = this.#plan()
    return plan && this.runtime.endpoints(plan.service)
  }

  /**
   * The state before anything is done about it, as grpc-js gives it.
   * @param tryToConnect connects one endpoint where no connection is there; starts the mesh where nobody has
   */
  state(tryToConnect: boolean): connectivityState {
    const state = this.#state()
    if (!tryToConnect || state === connectivityState.READY || state === connectivityState.SHUTDOWN)
      return state
    this.#searching.ask()
    this.changed()
    return state
  }

  /** Runs `told` once: when the state is another than `from`, or with an error at the deadline. */
  watch(from: connectivityState, deadline: Deadline, told: Told): void {
    const state = this.#state()
    if (state === connectivityState.SHUTDOWN) throw new Error('Channel has been shut down')
    const leftMs = deadlineMs(deadline) - this.runtime.wall()
    if (!(leftMs > 0)) process.nextTick(told, tooLate())
    else if (from !== state) process.nextTick(told)
    else {
      this.#tell()
      this.#watched = state
      this.#begin(leftMs, told)
    }
  }

  readonly changed = (): void => {
    this.#listen()
    this.#search?.advance()
    this.#tell()
    if (!this.watched) this.#search?.pause()
    this.#listen()
  }

  close(): void {
    this.#closed = true
    this.changed()
  }

  get #searching(): Search {
    this.#search ??= new Search(this)
    return this.#search
  }

  #begin(leftMs: number, told: Told): void {
    let disarm = nothing
    // Whose work it is that changes the state is no business of who waits.
    const inItsContext = AsyncResource.bind(told)
    const end = (error?: Error): void => {
      disarm()
      this.#watches.delete(end)
      process.nextTick(inItsContext, error)
    }
    if (leftMs <= FAR_MS)
      disarm = this.runtime.clock.after(leftMs, () => {
        end(tooLate())
        if (!this.watched) this.changed()
      })
    this.#watches.add(end)
    if (this.#watches.size === 1) this.changed()
  }

  #tell(): void {
    if (!this.watched) return
    const state = this.#state()
    if (state === this.#watched) return
    for (const end of [...this.#watches]) end()
  }

  #state(): connectivityState {
    if (this.#closed || this.runtime.state === 'closed') return connectivityState.SHUTDOWN
    return this.#searching.state()
  }

  /** Only as long as there is something to hear for. */
  #listen(): void {
    const over = this.#closed || this.runtime.state === 'closed'
    if (over) this.#search?.stop()
    const needed = !over && (this.watched || this.#search?.underWay === true)
    if (needed) {
      const { events } = this.runtime
      this.#deafen ??= EVENTS.map((name) => events.on(name, this.changed))
      this.#listenTo(this.runtime.state === 'idle' ? undefined : this.service())
    } else if (this.#deafen !== undefined) {
      for (const one of this.#deafen) one()
      this.#deafen = undefined
      this.#listenTo(undefined)
    }
  }

  #listenTo(service: ServiceState | undefined): void {
    if (service === this.#heard) return
    this.#deafenService()
    this.#deafenService = nothing
    this.#heard = service
    if (service !== undefined) this.#deafenService = service.slot(reachOf).onChange(this.changed)
  }
}

/** The longest a timer can wait, in milliseconds. */
const FAR_MS = 2_147_483_647

const nothing = (): void => {}
const tooLate = (): Error => new Error('Deadline passed without connectivity state change')
