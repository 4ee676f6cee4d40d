import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js'
import type { MeshError } from '../core/errors.ts'
import type { Clock, Random } from '../core/ports.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { Reconnect } from './reconnect.ts'

/** What waits for a connection. Told once, or taken back by `leave`. */
export interface Passenger {
  board(connection: Connection): void
  /** There is no connection, and nothing was sent. An error is made for each. */
  stranded(why: () => MeshError): void
}

/** How a lane makes connections, and what it says where it cannot. */
export interface Road {
  readonly target: string
  readonly options: ChannelOptions
  readonly clock: Clock
  readonly random: Random
  /** How long making one may take, a handshake included, in milliseconds. */
  timeoutMs(): number
  /** Of the next connection. */
  credentials(): ChannelCredentials
  /** What the failure to make one means, from grpc-js's text; undefined: time was up. */
  explain(reason: string | undefined): () => MeshError
  opened(connection: Connection): void
  closed(connection: Connection): void
}

/**
 * The way to one address with one set of channel options: one connection at a time that takes calls, and older ones
 * that finish theirs.
 *
 * idle → connecting (a call came) → ready → idle (lost, or retired)
 * connecting → backing-off (it failed, or took too long) → idle
 * While connecting calls wait; while backing off they end at once with what the last failure was.
 */
export class Lane implements ConnectionOwner {
  readonly #road: Road
  readonly #reconnect: Reconnect
  readonly #waiting = new Set<Passenger>()
  #ready: Connection | undefined
  #coming: Connection | undefined
  #failure: (() => MeshError) | undefined
  #disarm: () => void = nothing

  constructor(road: Road) {
    this.#road = road
    this.#reconnect = new Reconnect(road.random)
  }

  /** The connection that takes calls now. */
  get connection(): Connection | undefined {
    return this.#ready
  }

  wait(passenger: Passenger): void {
    if (this.#failure !== undefined) {
      passenger.stranded(this.#failure)
      return
    }
    this.#waiting.add(passenger)
    if (this.#coming === undefined) this.#connect()
  }

  leave(passenger: Passenger): void {
    this.#waiting.delete(passenger)
  }

  /** The next call gets another connection. What runs, runs on. */
  retire(): void {
    const connection = this.#ready
    if (connection === undefined) return
    this.#ready = undefined
    this.#close(connection)
  }

  /** Nothing waits here, or will. */
  close(): void {
    this.retire()
    this.#disarm()
    this.#disarm = nothing
    const coming = this.#coming
    this.#coming = undefined
    if (coming !== undefined) this.#close(coming)
  }

  ready(connection: Connection): void {
    this.#disarm()
    this.#coming = undefined
    this.#ready = connection
    this.#reconnect.succeeded()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const passenger of waiting) {
      if (this.#ready === connection) passenger.board(connection)
      else this.wait(passenger)
    }
  }

  failed(connection: Connection, reason: string | undefined): void {
    this.#disarm()
    this.#coming = undefined
    this.#close(connection)
    const why = this.#road.explain(reason)
    this.#failure = why
    this.#disarm = this.#road.clock.background(this.#reconnect.failed(), () => {
      this.#failure = undefined
    })
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const passenger of waiting) passenger.stranded(why)
  }

  lost(connection: Connection): void {
    if (this.#ready === connection) this.#ready = undefined
    this.#close(connection)
  }

  #connect(): void {
    const { target, options, clock } = this.#road
    const connection = new Connection(target, this.#road.credentials(), options, this)
    this.#coming = connection
    this.#road.opened(connection)
    this.#disarm = clock.after(this.#road.timeoutMs(), () => this.failed(connection, undefined))
    connection.connect()
  }

  #close(connection: Connection): void {
    connection.close()
    this.#road.closed(connection)
  }
}

const nothing = (): void => {}
