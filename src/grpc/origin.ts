import type { Runtime } from '../core/runtime.ts'
import type { MeshCall } from './mesh-call.ts'
import type { ReplayAccount } from './replay-account.ts'
import type { GrpcWire } from './wire.ts'

/** What a call must know of the channel it is made on. */
export interface CallOrigin {
  readonly runtime: Runtime
  readonly account: ReplayAccount
  readonly channelOptions: GrpcWire['channelOptions']
  /** `grpc.max_send_message_length`; Infinity: no bound. */
  readonly maxSendBytes: number
  readonly target: string
  /** Finds the route and sends the call into its stack, at once or when the mesh is ready. */
  admit(call: MeshCall): void
}
