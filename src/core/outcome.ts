import type { MeshError } from './errors.ts'
import type { GrpcStatusName } from './grpc-status.ts'

/** `undecided` only at head, `ignored` only at end (and at the head of nothing). */
export type Class = 'success' | 'failure' | 'ignored' | 'undecided'

/** What layers read instead of status codes: the adapters classify, HTTP and gRPC alike. */
export type Condition =
  | 'connect-failure'
  | 'refused-stream'
  | 'reset'
  | 'gateway-error'
  | '5xx'
  | 'rate-limited'
  | 'try-timeout'
  | 'deadline'

/** How far an attempt had come: what an operator wants to know first. */
export type Phase = 'queue' | 'connect' | 'send' | 'head' | 'body' | 'done'

/** What happened, already classified by the adapter. */
export interface Outcome {
  readonly class: Class
  readonly condition?: Condition | undefined
  /** Part of the response reached the caller: never retry from here. */
  readonly committed: boolean
  /** Provably never reached the peer. Only leaves may say so. */
  readonly unsent: boolean
  /** The wire's status code, for people, spans and metrics. Layers never branch on it. */
  readonly code?: number | undefined
  /** The protocol's own name of the verdict, where it has names that policy may list (gRFC A6's retryable codes). */
  readonly status?: GrpcStatusName | undefined
  /** Whether balancers hold it against the endpoint, where that is not what the class says (SEMANTICS 2.7). */
  readonly penalised?: boolean | undefined
  /** What the peer asked us to wait, in milliseconds; negative: do not retry. */
  readonly retryAfterMs?: number | undefined
  readonly error?: MeshError | undefined
  readonly phase?: Phase | undefined
  /** At head: an answer without a natural end (101, CONNECT, server-sent events); idle limits replace the deadline. */
  readonly streaming?: boolean | undefined
}

/**
 * One of our own layers said no: never retried, never charged to a peer. A deadline or a try-timeout is not a
 * refusal although a layer of ours made its error: a peer had its chance, and the class says whether it is charged.
 */
export function isRefusal(outcome: Outcome): boolean {
  return outcome.error?.refusal === true
}

/** The outcome with which a layer of ours refuses a call. */
export function refusal(error: MeshError): Outcome {
  return { class: 'ignored', committed: false, unsent: true, error, phase: 'queue' }
}
