import { AsyncResource } from 'node:async_hooks'
import {
  type CallCredentials,
  type ChannelInterface,
  type InterceptingListener,
  Metadata,
  type StatusObject,
  status,
} from '@grpc/grpc-js'
import type { Ambient } from '../core/ambient.ts'
import type { Call, CallOptions } from '../core/call.ts'
import { MeshError } from '../core/errors.ts'
import { PREVIOUS_RPC_ATTEMPTS } from '../core/header-names.ts'
import type { Cancel, Hop, Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Route } from '../core/plan.ts'
import { GrpcCall } from './call.ts'
import type { CallOrigin } from './origin.ts'
import { keptMetadata } from './outgoing-metadata.ts'
import { KEEP_BYTES, Replay } from './replay.ts'
import { faultStatus, statusOf } from './status.ts'
import type { GrpcWire, Link } from './wire.ts'

type JsCall = ReturnType<ChannelInterface['createCall']>
type MessageContext = Parameters<JsCall['sendMessageWithContext']>[0]
type AuthContext = ReturnType<JsCall['getAuthContext']>

let calls = 0

/**
 * One call between the application and the stack: to the application grpc-js's `Call`, to the attempts the wire, to the
 * topmost layer its observer.
 *
 *     made → waiting (`start`; the mesh is not ready) → running (`launch`) → over; each may go straight to over
 *
 * Over is decided once, by whoever is first: the peer's status, an error of ours, or the application's cancel; from then
 * on nothing but `onReceiveStatus` reaches the application, and that never in the tick of its own `start` or `cancel`.
 * The application is told in the async context it made the call in, whatever socket the answer came by.
 */
export class MeshCall extends AsyncResource implements JsCall, GrpcWire, Observer {
  readonly method: string
  readonly host: string
  metadata!: Metadata
  credentials: CallCredentials | undefined = undefined
  readonly #origin: CallOrigin
  readonly #ambient: Ambient
  readonly #deadlineMs: number
  readonly #number: number
  readonly #replay: Replay
  #listener: InterceptingListener | undefined
  #call: GrpcCall | undefined
  #cancel: Cancel | undefined
  #link: Link | undefined
  /** The application waits for a message. */
  #reading = false
  #launching = false
  /** The attempt was begun in somebody else's async context. */
  #foreign = false
  #status: StatusObject | undefined
  /** Severs the call from its parent. */
  #leave: (() => void) | undefined
  /** Initial metadata was told, so the number of attempts was too. */
  #headTold = false

  /** @param deadlineMs of the wall clock; Infinity: none */
  constructor(origin: CallOrigin, method: string, deadlineMs: number, host: string, ambient: Ambient) {
    super('TULLE_GRPC_CALL', UNTRACKED)
    this.#origin = origin
    this.method = method
    this.#deadlineMs = deadlineMs
    this.host = host
    this.#ambient = ambient
    this.#number = calls++
    this.#replay = new Replay(origin.account, this)
  }

  get channelOptions(): GrpcWire['channelOptions'] {
    return this.#origin.channelOptions
  }

  get over(): boolean {
    return this.#status !== undefined
  }

  // The application's side.

  start(metadata: Metadata, listener: InterceptingListener): void {
    this.metadata = keptMetadata(metadata)
    this.#listener = listener
    if (this.#status === undefined) this.#origin.admit(this)
    else process.nextTick(MeshCall.#tell, this)
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    const { maxSendBytes } = this.#origin
    if (message.length > maxSendBytes)
      this.cancelWithStatus(
        status.RESOURCE_EXHAUSTED,
        `Attempted to send message with a size larger than ${maxSendBytes}`,
      )
    this.#replay.send(message, context.flags, context.callback)
  }

  halfClose(): void {
    this.#replay.halfClose()
  }

  startRead(): void {
    if (this.#reading || this.#status !== undefined) return
    this.#reading = true
    this.#link?.read()
  }

  cancelWithStatus(code: number, details: string): void {
    if (this.#status !== undefined) return
    const asked = { code, details, metadata: new Metadata() }
    const cancel = this.#cancel
    this.#decide(asked)
    cancel?.({ kind: 'caller', error: asked })
  }

  setCredentials(credentials: CallCredentials): void {
    this.credentials = credentials
  }

  getPeer(): string {
    return this.#call?.endpoint?.id ?? this.#origin.target
  }

  getCallNumber(): number {
    return this.#number
  }

  getAuthContext(): AuthContext {
    return this.#link?.authContext?.() ?? null
  }

  // The mesh's side.

  /** Sends the call into its stack. */
  launch(route: Route, hop: Hop<Call<unknown>>): void {
    if (this.#status !== undefined) return
    const call = new GrpcCall(this, this.#replay, route, this.#ambient, this.#options())
    this.#call = call
    this.#replay.keepBytes = route.replayBytes ?? KEEP_BYTES
    this.#launching = true
    const cancel = hop(call, this)
    this.#launching = false
    if (this.#status === undefined) this.#cancel = cancel
    else cancel({ kind: 'caller', error: this.#status })
  }

  /** Ends a call that no layer has seen. */
  refuse(error: unknown): void {
    if (this.#status === undefined) this.#decide(statusOf(error))
  }

  /** @param leave severs the call from what may cancel it, run when it is over */
  follow(leave: () => void): void {
    this.#leave = leave
  }

  /** What of its time is left, in milliseconds; Infinity where it has no deadline. */
  leftMs(): number {
    return this.#deadlineMs - this.#origin.runtime.wall()
  }

  get waitForReady(): boolean {
    return this.metadata.getOptions().waitForReady === true
  }

  head(): 'deliver' {
    return 'deliver'
  }

  end(outcome: Outcome): void {
    if (this.#status !== undefined) return
    const { error } = outcome
    // The peer's own status follows through the wire, once the layers have done with the call.
    if (error === undefined && outcome.code !== undefined) return
    // Wherever a call was when the time passed that somebody had given it, gRPC has one word for it.
    const late = outcome.condition === 'deadline' && this.#call?.covers === 'call'
    this.#fail(
      late,
      error ?? new MeshError('TULLE_RESET', 'the call ended without a status', { layer: 'grpc' }),
    )
  }

  attach(link: Link): void {
    if (this.#status !== undefined) return
    this.#link = link
    this.#foreign = !this.#launching
    this.#replay.attach(link)
    if (this.#reading) link.read()
  }

  detach(link: Link): void {
    if (this.#link === link) this.#link = undefined
    this.#replay.detach(link)
  }

  onMetadata(metadata: Metadata): void {
    if (this.#status !== undefined) return
    this.#replay.commit()
    this.#countAttempts(metadata)
    this.#headTold = true
    const listener = this.#listener as InterceptingListener
    this.#run(listener.onReceiveMetadata, listener, metadata)
  }

  onMessage(message: Buffer): void {
    if (this.#status !== undefined) return
    this.#reading = false
    const listener = this.#listener as InterceptingListener
    this.#run(listener.onReceiveMessage, listener, message)
  }

  onStatus(last: StatusObject): void {
    if (this.#status !== undefined) return
    if (!this.#headTold) this.#countAttempts(last.metadata)
    this.#settle(last)
    if (this.#launching) process.nextTick(MeshCall.#tell, this)
    else MeshCall.#tell(this)
  }

  /** Tells the application that a message of its own was taken. */
  taken(callback: (error?: Error | null) => void): void {
    this.#run(callback, undefined, undefined)
  }

  #fail(late: boolean, error: MeshError): void {
    error.attempts = this.#call?.trail ?? []
    error.policyVersion = this.#call?.route.policyVersion
    const last = faultStatus(error)
    this.#decide(late ? { ...last, code: status.DEADLINE_EXCEEDED } : last)
  }

  /** A last word of ours: told in a tick of its own, since the layers, or the application itself, are still at work in this one. */
  #decide(last: StatusObject): void {
    this.#settle(last)
    this.#foreign = true
    process.nextTick(MeshCall.#tell, this)
  }

  #settle(last: StatusObject): void {
    this.#status = last
    this.#link = undefined
    this.#cancel = undefined
    this.#replay.close()
    this.#leave?.()
  }

  static #tell(call: MeshCall): void {
    const listener = call.#listener
    // Cancelled before it was started: told when it is.
    if (listener === undefined) return
    // The call may be held for long by what is below it, and the application's side need not.
    call.#listener = undefined
    call.#run(listener.onReceiveStatus, listener, call.#status as StatusObject)
  }

  /** What the application throws is its own: it surfaces as it would from any event, and harms no layer on its way. */
  #run<T>(fn: (value: T) => void, self: unknown, value: T): void {
    try {
      if (this.#foreign) this.runInAsyncScope(fn, self, value)
      else fn.call(self, value)
    } catch (error) {
      process.nextTick(rethrow, error)
    }
  }

  #countAttempts(metadata: Metadata): void {
    const retries = this.#call?.retries
    if (retries !== undefined) metadata.set(PREVIOUS_RPC_ATTEMPTS, String(retries))
  }

  #options(): CallOptions {
    const timeoutMs = this.#deadlineMs === Number.POSITIVE_INFINITY ? undefined : withinReach(this.leftMs())
    if (timeoutMs === undefined && !this.waitForReady) return NO_OPTIONS
    return { timeoutMs, waitForReady: this.waitForReady }
  }
}

/** Nobody need be told when such an object is collected. */
const UNTRACKED = { requireManualDestroy: true }
const NO_OPTIONS: CallOptions = Object.freeze({})
/** The longest a timer can wait, in milliseconds. */
const FAR_MS = 2_147_483_647

/** A deadline that is no time at all has passed, as in grpc-js. */
const withinReach = (ms: number): number => (ms > 0 ? Math.min(ms, FAR_MS) : 0)

function rethrow(error: unknown): never {
  throw error
}
