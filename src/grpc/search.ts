import type { ChannelOptions } from '@grpc/grpc-js'
import { connectivityState } from '@grpc/grpc-js'
import type { EndpointState } from '../core/endpoint.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ServiceState } from '../core/service.ts'
import { laneName } from './lanes.ts'
import { connectTo } from './reach.ts'
import { Reconnect } from './reconnect.ts'
import { nextToTry, survey } from './survey.ts'

/** How often a name that nobody knows is looked up again, in milliseconds: it may become known without an event. */
const LOOK_AGAIN_MS = 1000
/** After how long without being asked again a search in vain is given up, in milliseconds; grpc-js's channels fall idle then. */
const GIVE_UP_MS = 1_800_000

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState

/** For whom something is searched. */
export interface Searcher {
  readonly runtime: Runtime
  /** The name as the application wrote it. */
  readonly name: string
  readonly options: Readonly<ChannelOptions>
  /** The service of that name, where one is known. */
  service(): ServiceState | undefined
  /** Somebody waits for a change. Only then anything is tried again after a pause of the search's own. */
  readonly watched: boolean
  /** Something has changed that no event tells. */
  changed(): void
}

/**
 * The way from nothing to one connection: starts the mesh, waits for the name and its endpoints, and connects one
 * endpoint after another until there is a connection to any, as grpc-js's pick_first does. Each endpoint's own back-off
 * is kept.
 *
 * at rest → (asked) under way → at rest (there is one, or nobody has asked for half an hour)
 */
export class Search {
  readonly #of: Searcher
  readonly #lane: string
  readonly #reconnect: Reconnect
  /** Endpoints to which nothing can be tried: no certificate, no mode in common. */
  readonly #barred = new Set<EndpointState>()
  #underWay = false
  #askedMs = 0
  /** The mesh could not be started, or the name is not known. */
  #inVain = false
  /** A start is awaited, or a name that may become known. */
  #awaiting = false
  #againMs = 0
  #disarm: (() => void) | undefined
  /** Whose first endpoint set is awaited. */
  #wanted: ServiceState | undefined
  #unwant: () => void = () => {}

  constructor(of: Searcher) {
    this.#of = of
    this.#lane = laneName(of.options)
    this.#reconnect = new Reconnect(of.runtime.random)
  }

  get underWay(): boolean {
    return this.#underWay
  }

  /** As long as neither the channel nor the mesh is closed. */
  state(): connectivityState {
    const { state } = this.#of.runtime
    if (state === 'starting') return CONNECTING
    const service = state === 'idle' ? undefined : this.#of.service()
    if (service === undefined) return this.#sought(this.#inVain)
    if (!service.ready) return this.#sought(false)
    const { ready, connecting, failed, hopeless } = survey(service, this.#lane, this.#barred)
    if (ready) return READY
    // As pick_first: it stays so while connections are tried again, until one is made.
    if (hopeless) return failed ? TRANSIENT_FAILURE : this.#sought(true)
    if (connecting || this.#underWay) return CONNECTING
    return failed ? TRANSIENT_FAILURE : IDLE
  }

  ask(): void {
    this.#askedMs = this.#of.runtime.clock.now()
    this.#underWay = true
  }

  /** Takes the next step, if there is one. */
  advance(): void {
    if (!this.#underWay) return
    const { runtime, watched } = this.#of
    if (!watched && runtime.clock.now() - this.#askedMs > GIVE_UP_MS) {
      this.stop()
      return
    }
    if (runtime.state === 'starting') this.#inVain = false
    else if (runtime.state === 'idle') this.#start()
    else {
      const service = this.#of.service()
      this.#want(service?.ready === false ? service : undefined)
      if (service === undefined) this.#wonder()
      else if (service.ready) this.#connect(service)
    }
  }

  stop(): void {
    this.pause()
    this.#want(undefined)
    this.#underWay = false
    this.#inVain = false
    this.#againMs = 0
    this.#barred.clear()
    this.#reconnect.forget()
  }

  /** Nobody waits any more. */
  pause(): void {
    this.#disarm?.()
    this.#disarm = undefined
  }

  #sought(inVain: boolean): connectivityState {
    if (!this.#underWay) return IDLE
    return inVain ? TRANSIENT_FAILURE : CONNECTING
  }

  #start(): void {
    if (this.#awaiting || !this.#rested()) return
    const { runtime } = this.#of
    this.#await(runtime.whenReady(), (rejected) => {
      if (rejected) this.#fail(this.#reconnect.failed())
    })
  }

  /** Nobody knows the name: it may be about to become known. */
  #wonder(): void {
    if (this.#awaiting) return
    const { runtime, name } = this.#of
    const newcomer = this.#inVain ? undefined : runtime.newcomer?.(name)
    if (newcomer !== undefined)
      this.#await(newcomer, () => {
        if (this.#of.service() === undefined) this.#fail(LOOK_AGAIN_MS)
      })
    else if (this.#rested()) this.#fail(LOOK_AGAIN_MS)
  }

  /** Where endpoints are looked up at the first use of a name, this is one. */
  #want(service: ServiceState | undefined): void {
    if (service === this.#wanted) return
    this.#unwant()
    this.#wanted = service
    this.#unwant = service?.onReady(() => this.#of.changed()) ?? (() => {})
  }

  #connect(service: ServiceState): void {
    const { runtime, options } = this.#of
    this.#inVain = false
    const { ready, connecting } = survey(service, this.#lane, this.#barred)
    if (ready) this.stop()
    if (ready || connecting) return
    if (this.#barred.size > 0 && this.#rested()) this.#barred.clear()
    for (;;) {
      const endpoint = nextToTry(service, this.#lane, this.#barred, runtime.random)
      if (endpoint === undefined || connectTo(endpoint, options)) return
      if (this.#barred.size === 0) this.#pauseFor(this.#reconnect.failed())
      this.#barred.add(endpoint)
    }
  }

  #await(awaited: Promise<void>, then: (rejected: boolean) => void): void {
    this.#awaiting = true
    const settled = (rejected: boolean): void => {
      this.#awaiting = false
      if (this.#underWay) then(rejected)
      this.#of.changed()
    }
    awaited.then(
      () => settled(false),
      () => settled(true),
    )
  }

  #fail(pauseMs: number): void {
    this.#inVain = true
    this.#pauseFor(pauseMs)
  }

  #pauseFor(ms: number): void {
    this.#againMs = this.#of.runtime.clock.now() + ms
    this.#rested()
  }

  /** Whether the pause is over; else that is told, where somebody waits. */
  #rested(): boolean {
    const { runtime, watched } = this.#of
    const leftMs = this.#againMs - runtime.clock.now()
    if (leftMs <= 0) return true
    if (watched)
      this.#disarm ??= runtime.clock.background(leftMs, () => {
        this.#disarm = undefined
        this.#of.changed()
      })
    return false
  }
}
