import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js'
import type { Ambient } from '../core/ambient.ts'
import { readBaggage } from '../core/baggage.ts'
import type { PeerIdentity } from '../core/call.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { type Cancel, type CancelReason, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import { MeshRequestView } from '../core/mesh-request.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Runtime } from '../core/runtime.ts'
import { readTraceContext } from '../core/traceparent.ts'
import type { Carrier } from './carrier.ts'
import { GrpcInboundCall, type GrpcInboundWire } from './inbound-call.ts'
import { CallScope, rememberCall } from './mesh-of.ts'
import { type MetadataIn, readMetadata, valuesOf } from './metadata-in.ts'
import { answeredWith, BEGUN, GONE, GONE_MIDWAY } from './outcome-in.ts'
import { announceRefused, statusOfRefusal, withoutOurWords } from './refuse.ts'

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0]
type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0]

/** Node fires longer timers at once; nobody waits 24 days for an answer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** Timers of wall and monotonic clocks agree to about this, in milliseconds. */
const CLOCKS_AGREE_MS = 2

/**
 * One inbound gRPC call from its metadata to its status: above the stack the observer that answers refusals, below it the
 * leaf that hands the call to the application. Messages are passed on untouched, and reads are the application's own.
 *
 *     waiting ──begin──▶ running ──answered | gone | late | cancelled──▶ over
 *     waiting ──refused | gone──▶ over
 *
 * grpc-js answers some calls beneath its interceptors (its own deadline, a message too large, one that cannot be decoded):
 * then `onCancel` comes without a status of ours, as it does when the caller hangs up.
 */
export class ExchangeIn implements GrpcInboundWire, Observer {
  readonly #carrier: Carrier
  readonly #runtime: Runtime
  readonly #transport: ServerInterceptingCallInterface
  readonly #path: string
  readonly #scope: CallScope
  #application: Listener | undefined
  #metadata: Metadata | undefined
  #ambient: Ambient | undefined
  #view: MeshRequestView | undefined
  #cancelStack: Cancel = NOTHING_TO_CANCEL
  #observer: Observer | undefined
  #gone = false
  #headTold = false
  #over = false
  #disarm: (() => void) | undefined

  constructor(carrier: Carrier, path: string, transport: ServerInterceptingCallInterface) {
    this.#carrier = carrier
    this.#runtime = carrier.runtime
    this.#path = path
    this.#transport = transport
    this.#scope = new CallScope(transport)
  }

  start(application: Listener): void {
    this.#application = application
    this.#transport.start(this)
  }

  // What the caller sends.

  onReceiveMetadata(metadata: Metadata): void {
    this.#carrier.began()
    // Who is calling comes before everything else: nothing below may guess.
    const caller = this.#carrier.caller()
    if (isMeshError(caller)) {
      this.#refuse(caller, undefined)
      this.#carrier.goAway()
      return
    }
    const { open, maxHeaderBytes } = this.#carrier
    const read = readMetadata(metadata, this.#transport.getHost(), open, maxHeaderBytes)
    if (isMeshError(read)) this.#refuse(read, caller)
    else this.#enter(metadata, read, caller)
  }

  onReceiveMessage(message: unknown): void {
    if (this.#running) this.#inside((application) => application.onReceiveMessage(message))
  }

  onReceiveHalfClose(): void {
    if (this.#running) this.#inside((application) => application.onReceiveHalfClose())
  }

  onCancel(): void {
    this.#carrier.ceased()
    if (!this.#over) {
      if (this.#overdue()) this.#late()
      else this.#left()
    }
    this.#inside((application) => application.onCancel())
  }

  // What the application answers.

  sendMetadata(metadata: Metadata): void {
    if (this.#over) return
    this.#tellHead(BEGUN)
    this.#transport.sendMetadata(withoutOurWords(metadata))
  }

  sendMessage(message: unknown, sent: () => void): void {
    if (this.#over) return
    this.#tellHead(BEGUN)
    this.#transport.sendMessage(message, sent)
  }

  sendStatus(status: Status): void {
    if (this.#over) return
    this.#scope.finish()
    const outcome = answeredWith(status.code)
    if (this.#observer === undefined) this.#unheld()
    this.#tellHead(outcome)
    this.#settle(outcome)
    const { metadata } = status
    const clean = metadata == null ? metadata : withoutOurWords(metadata)
    this.#transport.sendStatus(clean === metadata ? status : { ...status, metadata: clean as Metadata })
  }

  // Below the stack.

  begin(call: GrpcInboundCall, observer: Observer): Cancel {
    if (this.#over || this.#gone) {
      observer.end(GONE)
      return NOTHING_TO_CANCEL
    }
    this.#observer = observer
    this.#ambient = call.ambient
    const { deadline } = call.ambient
    if (deadline !== undefined) this.#arm(deadline)
    this.#inside((application) => application.onReceiveMetadata(this.#metadata as Metadata))
    return (reason) => this.#cancelled(reason)
  }

  headerValues(name: string): readonly string[] {
    return this.#metadata === undefined ? [] : valuesOf(this.#metadata, name)
  }

  // Above the stack.

  head(): 'deliver' {
    return 'deliver'
  }

  end({ error }: Outcome): void {
    if (this.#observer !== undefined || this.#gone || this.#over) return
    this.#over = true
    const refused = error ?? new MeshError('TULLE_OVERLOADED', 'The call was refused.', { layer: 'server' })
    this.#transport.sendStatus(statusOfRefusal(refused, false))
  }

  // How it goes.

  #enter(metadata: Metadata, read: MetadataIn, peer: PeerIdentity): void {
    const { clock, tracing, inboundRoute, service } = this.#runtime
    const remainingMs = this.#remainingMs(read)
    const deadline = remainingMs === Number.POSITIVE_INFINITY ? undefined : clock.now() + remainingMs
    const ambient: Ambient = {
      deadline,
      trace: read.traceparent.length === 0 ? undefined : readTraceContext(read),
      baggage: read.baggage.length === 0 ? undefined : readBaggage(read.baggage),
      context: tracing.extract?.(metadata.getMap() as Record<string, string>),
      caller: peer,
      scope: this.#scope,
      protocol: 'grpc',
    }
    this.#view = new MeshRequestView(peer, deadline, read.previousAttempts, clock, this.#scope)
    this.#scope.mesh = this.#view
    this.#metadata = metadata
    rememberCall(metadata, this.#view)
    const call = new GrpcInboundCall(this, this.#path, inboundRoute, { service }, peer, ambient)
    this.#cancelStack = this.#carrier.hop(call, this)
  }

  /** Infinity: the caller has not said how long it waits, or is nobody whose word counts. */
  #remainingMs({ timeoutMs = Number.POSITIVE_INFINITY }: MetadataIn): number {
    if (this.#carrier.open) return Number.POSITIVE_INFINITY
    const deadline = Number(this.#transport.getDeadline())
    return Math.min(timeoutMs, deadline - this.#runtime.wall())
  }

  /** Before anything looked at it. */
  #refuse(error: MeshError, caller: PeerIdentity | undefined): void {
    this.#over = true
    announceRefused(this.#runtime, this.#path, caller?.id ?? caller?.address, error)
    this.#transport.sendStatus(statusOfRefusal(error, false))
  }

  /** The application has the call, and has not ended it: nothing reaches it before the stack lets the call through. */
  get #running(): boolean {
    return this.#observer !== undefined && !this.#over
  }

  #inside(fn: (application: Listener) => void): void {
    const application = this.#application as Listener
    const ambient = this.#ambient
    if (ambient === undefined) {
      fn(application)
      return
    }
    const { tracing, ambient: store } = this.#runtime
    const { context } = ambient
    store.run(
      ambient,
      context === undefined ? () => fn(application) : () => tracing.with(context, () => fn(application)),
    )
  }

  #tellHead(outcome: Outcome): void {
    if (this.#headTold) return
    this.#headTold = true
    this.#observer?.head(outcome)
  }

  #arm(deadline: number): void {
    const ms = deadline - this.#runtime.clock.now()
    if (ms > LONGEST_TIMER_MS) return
    this.#disarm = this.#runtime.clock.background(Math.max(0, ms), () => this.#late())
  }

  #overdue(): boolean {
    const deadline = this.#view?.deadline
    return deadline !== undefined && this.#runtime.clock.now() >= deadline - CLOCKS_AGREE_MS
  }

  #late(): void {
    if (this.#over || this.#gone) return
    const message = `${this.#runtime.service} had not answered when its caller's deadline passed.`
    const hint = 'Give the call more time, or find out what took the handler so long.'
    const error = new MeshError('TULLE_DEADLINE', message, { layer: 'server', hint })
    this.#view?.expire(error)
    this.#scope.cancel()
    this.#transport.sendStatus(statusOfRefusal(error, true))
    if (this.#observer === undefined) {
      // A layer still holds the call; what it ends with has been answered already.
      this.#gone = true
      this.#cancelStack({ kind: 'deadline', error })
      return
    }
    const committed = this.#headTold
    this.#settle({
      class: 'failure',
      condition: 'deadline',
      committed,
      unsent: false,
      code: statusOfRefusal(error, true).code,
      status: 'deadline-exceeded',
      error,
      phase: committed ? 'body' : 'head',
    })
  }

  /** The caller went away, or grpc-js answered in our place. */
  #left(): void {
    this.#scope.cancel()
    if (this.#observer === undefined) {
      this.#unheld()
      return
    }
    this.#settle(this.#headTold ? GONE_MIDWAY : GONE)
  }

  /** A layer still holds the call, and there is nothing left to let through. */
  #unheld(): void {
    this.#gone = true
    this.#cancelStack({ kind: 'caller', error: new DOMException('The caller went away.', 'AbortError') })
  }

  /** A layer of ours gave the running call up. */
  #cancelled(reason: CancelReason): void {
    if (this.#over) return
    const error = isMeshError(reason.error)
      ? reason.error
      : new MeshError('TULLE_CLOSED', 'This instance gave up the call.', { layer: 'server' })
    const committed = this.#headTold
    this.#scope.cancel()
    this.#settle({ class: 'ignored', committed, unsent: false, error, phase: committed ? 'body' : 'head' })
    this.#transport.sendStatus(statusOfRefusal(error, true))
  }

  #settle(outcome: Outcome): void {
    this.#over = true
    this.#disarm?.()
    this.#observer?.end(outcome)
  }
}
