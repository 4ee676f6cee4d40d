import {
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  connectivityState,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js'
import { Opening, type OpeningDeps } from './opening.ts'

/** What a connection tells its lane; after `close` that it is gone alone. */
export interface ConnectionOwner {
  ready(connection: Connection): void
  /** @param reason grpc-js's text */
  failed(connection: Connection, reason: string): void
  /** It was ready, and takes no further call: its peer said GOAWAY, or it broke. What runs on it may run on. */
  lost(connection: Connection): void
  /** It was closed, and nothing runs on it any more. */
  gone(connection: Connection): void
}

/** What runs on a connection and must hear when it is cut. */
export interface Rider {
  cut(reason: string, hint?: string): void
}

/**
 * One HTTP/2 connection: a grpc-js channel to one address that is given up for another one with its first change of state
 * after READY, so that it is never connected twice, and what is queued in it by then ends as not started.
 *
 * connecting → ready → closed; connecting → closed. A closed one finishes the calls that run on it.
 */
export class Connection {
  readonly channel: Channel
  /** The peer has spoken HTTP/2 on it. */
  proven = false
  readonly #riders = new Set<Rider>()
  readonly #opening: Opening
  #owner: ConnectionOwner | undefined
  #ready = false
  #closed = false
  /** Began the first call since its peer was heard; undefined: none has. */
  #silentSinceMs: number | undefined
  /** The channel is closed. */
  #isShut = false

  constructor(target: string, secrets: ChannelCredentials, options: ChannelOptions, deps: OpeningDeps) {
    this.channel = new Channel(target, secrets, options)
    this.#opening = new Opening(deps)
  }

  connect(owner: ConnectionOwner): void {
    this.#owner = owner
    this.#opening.begin(() => this.channel.getConnectivityState(true))
    this.#look()
  }

  /** It takes no further call. What runs on it runs on; what was not made is not made. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // Our GOAWAY would overtake calls that are still on their way out, and the peer would refuse them.
    if (!this.#ready || this.#riders.size === 0) this.#shut()
  }

  join(rider: Rider, nowMs: number): void {
    this.#riders.add(rider)
    this.#silentSinceMs ??= nowMs
  }

  /** Its peer has said something, on whatever call. */
  heard(): void {
    this.#silentSinceMs = undefined
  }

  /** For how long calls have waited on it in vain, in milliseconds. */
  silentMs(nowMs: number): number {
    return this.#silentSinceMs === undefined ? 0 : nowMs - this.#silentSinceMs
  }

  leave(rider: Rider): void {
    this.#riders.delete(rider)
    if (!this.#closed || this.#riders.size > 0) return
    if (this.#isShut) this.#owner?.gone(this)
    else this.#shut()
  }

  /** Ends what runs on it. */
  cut(reason: string, hint?: string): void {
    for (const rider of [...this.#riders]) rider.cut(reason, hint)
  }

  /** After `close` and `cut`: waits for no word of the peer. */
  destroy(): void {
    this.#opening.cut()
  }

  #shut(): void {
    if (this.#isShut) return
    this.#isShut = true
    this.channel.close()
    if (!this.#ready) this.#opening.cut()
    if (this.#riders.size === 0) this.#owner?.gone(this)
  }

  readonly #look = (): void => {
    if (this.#isShut) return
    const state = this.channel.getConnectivityState(false)
    const isReady = state === connectivityState.READY
    if (this.#ready && !isReady) {
      this.#owner?.lost(this)
      this.#shut()
    } else if (isReady || state === connectivityState.CONNECTING) {
      this.channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, this.#look)
      if (!isReady || this.#ready) return
      this.#ready = true
      this.#opening.done()
      this.#owner?.ready(this)
    } else this.#ask()
  }

  /** Why there is no connection grpc-js tells calls alone. This one cannot be sent: its credentials are never made. */
  #ask(): void {
    const call = this.channel.createCall(PROBE, Number.POSITIVE_INFINITY, null, null, null)
    call.setCredentials(NEVER)
    call.start(new Metadata(), {
      onReceiveMetadata() {},
      onReceiveMessage() {},
      onReceiveStatus: ({ details }: StatusObject) => {
        if (!this.#closed) this.#owner?.failed(this, details)
      },
    })
  }
}

const PROBE = '/tulle/why'
const NEVER = credentials.createFromMetadataGenerator((_, done) => done(new Error('connected meanwhile')))
