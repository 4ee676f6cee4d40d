import type { ChannelOptions } from '@grpc/grpc-js'
import type { EndpointState } from '../core/endpoint.ts'
import type { Slot } from '../core/service.ts'

/**
 * How far the way to one endpoint with one set of channel options is.
 *
 * idle → connecting → ready → idle (lost, or retired)
 * connecting → resting (it could not be made: the back-off) → idle
 */
export type Stage = 'idle' | 'connecting' | 'ready' | 'resting'

export class Standing {
  stage: Stage = 'idle'
  /** The last connection could not be made. */
  failed = false
  readonly #reach: Reach
  readonly #endpoint: EndpointState
  readonly #lane: string

  constructor(reach: Reach, endpoint: EndpointState, lane: string) {
    this.#reach = reach
    this.#endpoint = endpoint
    this.#lane = lane
  }

  enter(stage: Stage): void {
    if (stage === this.stage) return
    this.stage = stage
    if (stage === 'ready') this.failed = false
    else if (stage === 'resting') this.failed = true
    this.#reach.changed()
  }

  /** Its leaf is closed: what connections there still are reach nobody. */
  leave(): void {
    this.#reach.remove(this.#endpoint, this.#lane, this)
  }
}

const NONE: ReadonlyMap<EndpointState, Standing> = new Map()

/** How far the ways to the endpoints of one service are: those that were begun, for calls or ahead of them. */
export class Reach {
  readonly #standings = new Map<string, Map<EndpointState, Standing>>()
  readonly #listeners = new Set<() => void>()

  /** @param lane `laneName` of its options */
  enter(endpoint: EndpointState, lane: string): Standing {
    const standing = new Standing(this, endpoint, lane)
    const those = this.#standings.get(lane)
    if (those === undefined) this.#standings.set(lane, new Map([[endpoint, standing]]))
    else those.set(endpoint, standing)
    return standing
  }

  /** Another leaf may have taken its place. */
  remove(endpoint: EndpointState, lane: string, standing: Standing): void {
    const those = this.#standings.get(lane)
    if (those?.get(endpoint) !== standing) return
    those.delete(endpoint)
    if (those.size === 0) this.#standings.delete(lane)
    this.changed()
  }

  of(lane: string): ReadonlyMap<EndpointState, Standing> {
    return this.#standings.get(lane) ?? NONE
  }

  /** Runs `fn` at every change. Returns the removal. */
  onChange(fn: () => void): () => void {
    this.#listeners.add(fn)
    return () => {
      this.#listeners.delete(fn)
    }
  }

  get listeners(): number {
    return this.#listeners.size
  }

  changed(): void {
    for (const fn of [...this.#listeners]) fn()
  }
}

/** On a service. */
export const reachOf: Slot<Reach> = { name: 'grpc-reach', make: () => new Reach() }

/** What can make a connection before there is a call. */
export interface Connectable {
  /** @returns false where nothing is tried: there is no way to the endpoint that the mode allows */
  connect(options: Readonly<ChannelOptions>): boolean
}

/** On an endpoint: the leaf it has now, if that can be connected. */
export const doorOf: Slot<{ leaf: Connectable | undefined }> = {
  name: 'grpc-door',
  make: () => ({ leaf: undefined }),
}

/** Makes a connection to the endpoint where there is none. */
export function connectTo(endpoint: EndpointState, options: Readonly<ChannelOptions>): boolean {
  // Opens the leaf where there is none yet, or no more.
  endpoint.hop('grpc')
  return endpoint.slot(doorOf).leaf?.connect(options) ?? false
}
