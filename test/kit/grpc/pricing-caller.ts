import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { Observation } from '../caller.ts'
import { quote } from './observe.ts'
import type { Ask, PricingClient } from './pricing.ts'

/** What the caller of one unary call saw. */
export interface GrpcSeen extends Observation {
  /** 0 where it was answered. */
  readonly code: number
  readonly details: string
  readonly error?: ServiceError
}

export interface GrpcAsk extends Ask {
  /** The call's own deadline, so many milliseconds from now. */
  readonly timeoutMs?: number
  readonly waitForReady?: boolean
  /** The policy says that this call may be executed twice. Default what the caller was made with. */
  readonly idempotent?: boolean
}

let run = 0

/** Makes unary calls and keeps what became of each, for the invariants. It never throws for a call that failed. */
export class PricingCaller {
  readonly seen: GrpcSeen[] = []
  readonly #client: PricingClient
  readonly #idempotent: boolean
  readonly #prefix = `g${process.pid.toString(36)}-${++run}-`
  #next = 0

  /** @param idempotent whether the policy says that calls may be executed twice */
  constructor(client: PricingClient, idempotent: boolean) {
    this.#client = client
    this.#idempotent = idempotent
  }

  async ask({ timeoutMs, waitForReady, idempotent, ...ask }: GrpcAsk = {}): Promise<GrpcSeen> {
    const id = ask.id ?? `${this.#prefix}${this.#next++}`
    const metadata = new Metadata(waitForReady === undefined ? {} : { waitForReady })
    metadata.set('x-request-id', id)
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }
    const started = performance.now()
    const always = {
      id,
      method: 'quote',
      idempotent: idempotent ?? this.#idempotent,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }
    let seen: GrpcSeen
    try {
      const answer = await quote(this.#client, { ...ask, id }, metadata, options)
      seen = {
        ...always,
        code: status.OK,
        details: '',
        status: 200,
        complete: true,
        echoed: answer.id,
        from: answer.servedBy,
        expectedBytes: ask.answerBytes ?? 0,
        receivedBytes: answer.payload.length,
        tookMs: performance.now() - started,
      }
    } catch (thrown) {
      const error = thrown as ServiceError
      const { code, details } = error
      seen = {
        ...always,
        code,
        details,
        error,
        complete: false,
        receivedBytes: 0,
        tookMs: performance.now() - started,
      }
    }
    this.seen.push(seen)
    return seen
  }

  get failures(): readonly GrpcSeen[] {
    return this.seen.filter(({ code }) => code !== status.OK)
  }

  /** What failures said, each once. */
  get words(): readonly string[] {
    return [...new Set(this.failures.map(({ code, details }) => `${code} ${details}`))]
  }
}
