import type { ChannelInterface, ChannelOptions, connectivityState, Deadline } from '@grpc/grpc-js'
import { type Ambient, NO_AMBIENT } from '../core/ambient.ts'
import type { Runtime } from '../core/runtime.ts'
import { Admission } from './admission.ts'
import { connectionOptions } from './channel-options.ts'
import { Connectivity } from './connectivity.ts'
import { MeshCall } from './mesh-call.ts'
import type { CallOrigin } from './origin.ts'
import {
  deadlineMs,
  inheritsCancellation,
  inheritsDeadline,
  onCancelled,
  type ParentCall,
  type PropagateFlags,
} from './parent.ts'
import { processAccount, type ReplayAccount } from './replay-account.ts'

/** `Status.CANCELLED`, `Status.UNAVAILABLE` of grpc-js. */
const CANCELLED = 1
const UNAVAILABLE = 14

/** grpc-js's `Channel` to one service. */
export class MeshChannel implements ChannelInterface, CallOrigin {
  readonly runtime: Runtime
  readonly account: ReplayAccount
  readonly channelOptions: Readonly<ChannelOptions>
  readonly maxSendBytes: number
  readonly target: string
  readonly #authority: string
  readonly #admission: Admission
  readonly #connectivity: Connectivity

  constructor(
    runtime: Runtime,
    service: string,
    options: ChannelOptions = {},
    account: ReplayAccount = processAccount,
  ) {
    this.runtime = runtime
    this.account = account
    this.channelOptions = connectionOptions(options)
    const limit = options['grpc.max_send_message_length']
    this.maxSendBytes = limit === undefined || limit < 0 ? Number.POSITIVE_INFINITY : limit
    this.target = `tulle:///${service}`
    this.#authority = options['grpc.default_authority'] ?? `${service}.${runtime.suffixes[0]}`
    this.#admission = new Admission(runtime, service)
    this.#connectivity = new Connectivity(runtime, service, () => this.#admission.plan(), this.channelOptions)
  }

  createCall(
    method: string,
    deadline: Deadline,
    host: string | null | undefined,
    parent: ParentCall | null,
    flags: PropagateFlags,
  ): MeshCall {
    if (typeof method !== 'string') throw new TypeError('Channel#createCall: method must be a string')
    if (typeof deadline !== 'number' && typeof deadline?.getTime !== 'function')
      throw new TypeError('Channel#createCall: deadline must be a number or Date')
    if (this.#connectivity.closed) throw new Error('Channel has been shut down')
    let untilMs = deadlineMs(deadline)
    if (parent && inheritsDeadline(flags)) untilMs = Math.min(untilMs, deadlineMs(parent.getDeadline()))
    const call = new MeshCall(this, method, untilMs, host ?? this.#authority, this.#ambient())
    if (parent && inheritsCancellation(flags))
      call.follow(onCancelled(parent, () => call.cancelWithStatus(CANCELLED, 'Cancelled by parent call')))
    return call
  }

  admit(call: MeshCall): void {
    this.#admission.admit(call)
  }

  /** Calls under way end by themselves; those that wait for the mesh end here. The mesh stays. */
  close(): void {
    this.#connectivity.close()
    this.#admission.close(CLOSED)
  }

  getTarget(): string {
    return this.target
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.#connectivity.state(tryToConnect)
  }

  watchConnectivityState(
    current: connectivityState,
    deadline: Deadline,
    callback: (error?: Error) => void,
  ): void {
    this.#connectivity.watch(current, deadline, callback)
  }

  /** The mesh has its own telemetry: there is nothing of this channel in channelz. */
  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return { kind: 'channel', id: 0, name: this.target } as ReturnType<ChannelInterface['getChannelzRef']>
  }

  #ambient(): Ambient {
    const ambient = this.runtime.ambient.get() ?? NO_AMBIENT
    const context = this.runtime.tracing.capture() ?? ambient.context
    return context === ambient.context ? ambient : { ...ambient, context }
  }
}

/** As grpc-js ends calls that a closed channel still held. */
const CLOSED = { code: UNAVAILABLE, details: 'Channel closed before call started' }
