import type { ChannelOptions } from '@grpc/grpc-js'
import type { MeshError } from '../core/errors.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Connection, ConnectionOwner } from './connection.ts'
import type { Standing } from './reach.ts'
import { Reconnect } from './reconnect.ts'
import type { Why } from './unreachable.ts'

/** What waits for a connection. Told once, or taken back by `leave`. */
export interface Passenger {
  board(connection: Connection): void
  /** There is no connection, and nothing was sent. An error is made for each. */
  stranded(why: () => MeshError): void
}

/** How a lane makes connections, and what it says where it cannot. */
export interface Road {
  readonly clock: Clock
  readonly random: Random
  /** How long making one may take, a handshake included, in milliseconds. */
  timeoutMs(): number
  /** The next connection; or why there can be none. */
  open(options: ChannelOptions): Connection | (() => MeshError)
  /** It is made: undefined, or why it is not to be used all the same. */
  made(connection: Connection): Why | undefined
  /** What the failure to make it means, from grpc-js's text; undefined: time was up. */
  explain(connection: Connection, reason: string | undefined): Why
  /** It was closed, and nothing runs on it any more. */
  gone(connection: Connection): void
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
  /** How far this is, for who asks without a call. */
  readonly standing: Standing
  readonly #road: Road
  readonly #options: ChannelOptions
  readonly #reconnect: Reconnect
  readonly #waiting = new Set<Passenger>()
  #ready: Connection | undefined
  #coming: Connection | undefined
  /** When the one that is coming was begun. */
  #begunMs = 0
  #failure: Failure | undefined
  #disarm: () => void = nothing

  constructor(road: Road, options: ChannelOptions, standing: Standing) {
    this.#road = road
    this.#options = options
    this.standing = standing
    this.#reconnect = new Reconnect(road.random)
  }

  /** The connection that takes calls now. */
  get connection(): Connection | undefined {
    return this.#ready
  }

  wait(passenger: Passenger): void {
    const failure = this.#failure
    if (failure !== undefined) {
      passenger.stranded(() => failure.why(this.#since(failure)))
      return
    }
    this.#waiting.add(passenger)
    if (this.#coming === undefined) this.#connect()
  }

  leave(passenger: Passenger): void {
    this.#waiting.delete(passenger)
  }

  /** Makes a connection ahead of the calls. @returns false where there can be none */
  connect(): boolean {
    if (this.#ready === undefined && this.#coming === undefined && this.#failure === undefined)
      this.#connect()
    return this.standing.stage !== 'idle'
  }

  /** The next call gets another connection. What runs, runs on. */
  retire(): void {
    const connection = this.#ready
    this.#ready = undefined
    connection?.close()
    if (connection !== undefined) this.standing.enter('idle')
  }

  /** It may be dead: the next call gets another one. What runs on it may still be answered. */
  doubt(connection: Connection): void {
    if (this.#ready === connection) this.retire()
  }

  /** Nothing waits here, or will. */
  close(): void {
    this.retire()
    this.#disarm()
    this.#disarm = nothing
    this.#coming?.close()
    this.#coming = undefined
  }

  ready(connection: Connection): void {
    const objection = this.#road.made(connection)
    if (objection !== undefined) {
      this.#fail(connection, objection)
      return
    }
    this.#disarm()
    this.#coming = undefined
    this.#ready = connection
    this.#reconnect.succeeded()
    this.standing.enter('ready')
    for (const passenger of this.#all()) {
      // What one of them does may have retired it.
      if (this.#ready === connection) passenger.board(connection)
      else this.wait(passenger)
    }
  }

  failed(connection: Connection, reason: string): void {
    this.#fail(connection, this.#road.explain(connection, reason))
  }

  lost(connection: Connection): void {
    const last = this.#ready === connection
    if (last) this.#ready = undefined
    connection.close()
    if (last) this.standing.enter('idle')
  }

  gone(connection: Connection): void {
    this.#road.gone(connection)
  }

  #connect(): void {
    const connection = this.#road.open(this.#options)
    if (typeof connection === 'function') {
      for (const passenger of this.#all()) passenger.stranded(connection)
      return
    }
    this.#coming = connection
    this.#begunMs = this.#road.clock.now()
    this.standing.enter('connecting')
    this.#disarm = this.#road.clock.after(this.#road.timeoutMs(), () =>
      this.#fail(connection, this.#road.explain(connection, undefined)),
    )
    connection.connect(this)
  }

  #fail(connection: Connection, why: Why): void {
    this.#disarm()
    this.#coming = undefined
    connection.close()
    const atMs = this.#road.clock.now()
    const waitMs = this.#reconnect.failed(atMs - this.#begunMs)
    this.#failure = { why, atMs, againMs: atMs + waitMs }
    this.#disarm = this.#road.clock.background(waitMs, () => {
      this.#failure = undefined
      this.standing.enter('idle')
    })
    this.standing.enter('resting')
    for (const passenger of this.#all()) passenger.stranded(why)
  }

  /** An endpoint may have been back for long when a call is told of what was found before: so it is told when that was. */
  #since({ atMs, againMs }: Failure): string {
    const now = this.#road.clock.now()
    if (now - atMs < WORTH_TELLING_MS) return ''
    return ` (found ${seconds(now - atMs)} ago; the next connection is tried in ${seconds(againMs - now)})`
  }

  #all(): Passenger[] {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }
}

/** Why the last connection could not be made, until the next one is tried. */
interface Failure {
  readonly why: Why
  readonly atMs: number
  readonly againMs: number
}

const WORTH_TELLING_MS = 1000
const seconds = (ms: number): string => `${Math.max(1, Math.round(ms / 1000))} s`
const nothing = (): void => {}
