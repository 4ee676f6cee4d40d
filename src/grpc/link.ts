import { type Channel, type Metadata, type StatusObject, status } from '@grpc/grpc-js'
import type { Attempt } from '../core/attempt.ts'
import { cancelled } from '../core/cancel.ts'
import type { MeshError } from '../core/errors.ts'
import { REFUSED } from '../core/header-names.ts'
import type { CancelReason, Observer } from '../core/hop.ts'
import type { Outcome, Phase } from '../core/outcome.ts'
import type { Clock } from '../core/ports.ts'
import { BEGUN, classify, ended, WELL } from './classify.ts'
import type { Connection, Rider } from './connection.ts'
import { broken, ownWord, type Standing, unreachable } from './fault.ts'
import type { Lane, Passenger } from './lane.ts'
import { outgoingMetadata } from './outgoing-metadata.ts'
import type { AuthContext, GrpcWire, Link } from './wire.ts'

type InnerCall = ReturnType<Channel['createCall']>

/** What the attempts of a leaf share. */
export interface Journey {
  readonly clock: Clock
  /** Attempts that have not ended. */
  readonly running: Set<GrpcLink>
  /** The last one ended. */
  emptied(): void
}

const GRPC = 'application/grpc'
/** How long a connection may say nothing while calls run into their time, in milliseconds: many round trips. */
const SILENT_MS = 1000
/** In a link that is done: nothing asks any more. */
const GONE = undefined as never

/**
 * One attempt: waits for a connection, is one call of grpc-js on it, and tells the observer what becomes of it and the
 * wire what it carries. Laws 1 to 3 of `core/hop.ts` are kept here: whatever the transport says after the end is not heard.
 *
 * queue → (a connection) send → (initial metadata) body → done; from each of them → done.
 */
export class GrpcLink implements Link, Passenger, Rider {
  #attempt: Attempt<GrpcWire>
  #observer: Observer
  readonly #journey: Journey
  readonly #lane: Lane
  #connection: Connection | undefined
  #inner: InnerCall | undefined
  #phase: Phase = 'queue'
  /** A message is being written: who is to be told when it was. */
  #accepted: (() => void) | undefined
  #onWritten: (() => void) | undefined
  /** The last one was. */
  #closed = false
  /** The answer began with something that is not gRPC: what it is, its end tells. */
  #foreign = false

  constructor(attempt: Attempt<GrpcWire>, observer: Observer, journey: Journey, lane: Lane) {
    this.#attempt = attempt
    this.#observer = observer
    this.#journey = journey
    this.#lane = lane
  }

  begin(): void {
    this.#journey.running.add(this)
    const { connection } = this.#lane
    if (connection === undefined) this.#lane.wait(this)
    else this.#start(connection, this.#attempt.startedMs)
  }

  board(connection: Connection): void {
    this.#start(connection, this.#journey.clock.now())
  }

  stranded(why: () => MeshError): void {
    this.#end(unreachable(why()))
  }

  cancel(reason: CancelReason): void {
    if (this.#phase === 'done') return
    const phase = this.#phase
    const nowMs = this.#journey.clock.now()
    if (reason.kind === 'deadline' || reason.kind === 'try-timeout') this.#doubt(nowMs)
    this.#abandon()
    this.#end(cancelled(reason, this.#attempt, nowMs, phase === 'body', phase))
  }

  cut(reason: string, hint?: string): void {
    if (this.#phase === 'done') return
    const outcome = broken(reason, this.#standing(), hint)
    this.#abandon()
    this.#end(outcome)
  }

  write(message: Buffer, flags: number | undefined, accepted: () => void): void {
    this.#accepted = accepted
    this.#onWritten ??= () => this.#written()
    const callback = this.#onWritten
    this.#inner?.sendMessageWithContext(flags === undefined ? { callback } : { callback, flags }, message)
  }

  halfClose(): void {
    if (this.#phase === 'done') return
    this.#closed = true
    this.#inner?.halfClose()
    if (this.#accepted === undefined) this.#left()
  }

  read(): void {
    if (this.#phase !== 'done') this.#inner?.startRead()
  }

  authContext(): AuthContext | null {
    return this.#inner?.getAuthContext?.() ?? null
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#phase === 'done') return
    if (this.#connection !== undefined) this.#connection.proven = true
    this.#connection?.heard()
    if (!String(metadata.get('content-type')[0]).startsWith(GRPC)) {
      this.#foreign = true
      return
    }
    this.#phase = 'body'
    if (this.#observer.head(BEGUN) === 'deliver') {
      if (!this.#over()) this.#attempt.call.wire.onMetadata(metadata)
    } else if (!this.#over()) {
      this.#abandon()
      this.#end({ ...BEGUN, class: 'ignored', phase: 'body' })
    }
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#phase === 'body') {
      this.#connection?.heard()
      this.#attempt.call.wire.onMessage(message)
    } else if (this.#foreign) {
      // Nobody asks for what is no answer, and its end comes after it.
      this.read()
    }
  }

  onReceiveStatus(said: StatusObject): void {
    if (this.#phase === 'done') return
    this.#connection?.heard()
    if (said.code === status.OK && !this.#foreign) {
      this.#last(said, WELL)
      return
    }
    const own = ownWord(said, this.#foreign, this.#standing())
    if (own !== undefined && own.status === undefined) this.#end(own.outcome)
    else if (own?.status !== undefined) this.#last(own.status, own.outcome)
    else {
      const outcome = classify(said.code, said.metadata, this.#fair())
      // Whoever passes this error on to callers of its own must not say for us that it has not seen their calls.
      said.metadata.remove(REFUSED)
      this.#last(said, outcome)
    }
  }

  /**
   * Time is up, and not a word came on this connection: it may be dead without anybody having said so (FAULTS 6), and the
   * calls that follow are not to find that out one by one.
   */
  #doubt(nowMs: number): void {
    const connection = this.#connection
    if (connection !== undefined && connection.silentMs(nowMs) >= SILENT_MS) this.#lane.doubt(connection)
  }

  #written(): void {
    const accepted = this.#accepted
    this.#accepted = undefined
    if (this.#phase === 'done') return
    accepted?.()
    // It may have brought the next one.
    if (this.#closed && this.#accepted === undefined) this.#left()
  }

  /** The request has left whole, unless its answer was faster. */
  #left(): void {
    if (this.#phase !== 'send') return
    this.#phase = 'head'
    this.#observer.sent?.()
  }

  /** A last word that the caller gets, unless it came alone and a layer above wants none of it. */
  #last(said: StatusObject, outcome: Outcome): void {
    const { wire } = this.#attempt.call
    let committed = this.#phase === 'body'
    if (!committed) {
      committed = this.#observer.head(asHead(outcome)) === 'deliver'
      if (this.#over()) return
    }
    this.#end(ended(outcome, committed))
    if (committed) wire.onStatus(said)
  }

  #start(connection: Connection, nowMs: number): void {
    const { wire } = this.#attempt.call
    const inner = connection.channel.createCall(wire.method, Number.POSITIVE_INFINITY, wire.host, null, null)
    this.#connection = connection
    this.#inner = inner
    this.#phase = 'send'
    connection.join(this, nowMs)
    if (wire.credentials !== undefined) inner.setCredentials(wire.credentials)
    inner.start(outgoingMetadata(this.#attempt, nowMs), this)
    wire.attach(this)
  }

  #abandon(): void {
    if (this.#inner === undefined) this.#lane.leave(this)
    else {
      const inner = this.#inner
      const early = this.#phase === 'send'
      // Its status comes back at once or later, and is not heard.
      this.#phase = 'done'
      inner.cancelWithStatus(status.CANCELLED, 'Cancelled on client')
      // grpc-js opens a stream some microtasks after the start, even of a call that was cancelled before, and leaves it
      // open: only a cancel that comes after that reaches it.
      if (early)
        this.#journey.clock.after(0, () => inner.cancelWithStatus(status.CANCELLED, 'Cancelled on client'))
    }
  }

  #end(outcome: Outcome): void {
    const { running } = this.#journey
    const observer = this.#observer
    this.#phase = 'done'
    this.#connection?.leave(this)
    running.delete(this)
    if (this.#inner !== undefined) this.#attempt.call.wire.detach(this)
    this.#letGo()
    observer.end(outcome)
    if (running.size === 0) this.#journey.emptied()
  }

  /**
   * What grpc-js and Node hold of a call that is over outlives young collections, and may hold this, its listener: the
   * application's side of the call need not stay that long (bench/README.md).
   */
  #letGo(): void {
    this.#attempt = GONE
    this.#observer = GONE
    this.#connection = undefined
    this.#inner = undefined
    this.#accepted = undefined
  }

  /** A method, since the phase changes while others are told. */
  #over(): boolean {
    return this.#phase === 'done'
  }

  #fair(): boolean {
    const { startedMs, fairMs } = this.#attempt
    return this.#journey.clock.now() - startedMs >= fairMs
  }

  #standing(): Standing {
    const { call, endpoint } = this.#attempt
    return {
      phase: this.#phase,
      committed: this.#phase === 'body',
      // Where grpc-js knows of authentication it takes a connection for made when the peer's settings have come.
      proven: this.#connection?.proven === true || this.#inner?.getAuthContext !== undefined,
      service: call.target.service,
      endpoint: endpoint?.id ?? '',
    }
  }
}

/** `ignored` is for ends alone. */
function asHead(outcome: Outcome): Outcome {
  return outcome.class === 'ignored' ? { ...outcome, class: 'undecided' } : outcome
}
