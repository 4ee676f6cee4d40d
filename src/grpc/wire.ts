import type { CallCredentials, ChannelInterface, ChannelOptions, Metadata, StatusObject } from '@grpc/grpc-js'

/** grpc-js's `AuthContext`, which it does not export by name. */
export type AuthContext = NonNullable<
  ReturnType<ReturnType<ChannelInterface['createCall']>['getAuthContext']>
>

/**
 * The wire of a gRPC call: what the application's side and an attempt know of each other. Verdicts go through the
 * observer; messages go straight past the layers.
 */
export interface GrpcWire {
  /** `/pricing.v1.Pricing/Quote`. */
  readonly method: string
  /** `:authority`. */
  readonly host: string
  /** The call's own copy of what the caller gave it; attempts add to clones of it, but for `grpc-timeout`. */
  readonly metadata: Metadata
  /** Of this one call; asked anew by every attempt. */
  readonly credentials: CallCredentials | undefined
  /** Of the channel the call was made on, ours taken out: one frozen object for all calls of a channel. */
  readonly channelOptions: Readonly<ChannelOptions>
  /**
   * From now on this attempt is fed: the kept messages from the first, then what the application writes, one at a time,
   * then the half-close; and a read for every one the application still waits for. The attempt before it is deaf.
   */
  attach(link: Link): void
  /** The attempt has ended, or is no longer wanted. Does nothing where another one is attached. */
  detach(link: Link): void
  /** Initial metadata of an answer that was delivered: from here on the call is committed and nothing is kept. */
  onMetadata(metadata: Metadata): void
  onMessage(message: Buffer): void
  /** The peer's own last word, told after the observer's `end`. What we made ourselves goes by the outcome's error. */
  onStatus(status: StatusObject): void
}

/** One attempt as the wire sees it. */
export interface Link {
  /**
   * The next message; no other before `accepted` was called (grpc-js takes one at a time, which is its flow control).
   * @param flags grpc-js's write flags
   */
  write(message: Buffer, flags: number | undefined, accepted: () => void): void
  /**
   * No message follows. Called once, after the last was written; it may not have been accepted yet, so that both can go in
   * one frame.
   */
  halfClose(): void
  /** The application has room for one more message. */
  read(): void
  /** What grpc-js says of the connection; absent before 1.13. */
  authContext?(): AuthContext | null
}
