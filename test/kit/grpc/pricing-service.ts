import {
  type Metadata as GrpcMetadata,
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Answer, Ask } from './pricing.ts'

/** What a call is answered with. Nothing said: at once, and well. */
export interface PricingBehaviour {
  /** Milliseconds before anything is answered. */
  readonly delayMs?: number
  /** Nothing is ever answered. */
  readonly never?: boolean
  /** The call ends so instead of well. */
  readonly code?: status
  /** Default `behaviour`. */
  readonly details?: string
  /** `grpc-retry-pushback-ms` of the status. */
  readonly pushback?: string
  /** Trailers of either ending. */
  readonly trailers?: Readonly<Record<string, string | Buffer>>
  /** Initial metadata. With a `code`, naming any makes it headers first; without, it is trailers only. */
  readonly initial?: Readonly<Record<string, string | Buffer>>
  /** Streams: the `code`, `stall` or `cut` comes after so many answers. Default 0. */
  readonly after?: number
  /** Streams: nothing follows the answers of `after`, and the call stays open. */
  readonly stall?: boolean
  /** Client streams: the call is ended without reading what the caller sends. */
  readonly deaf?: boolean
  /** Milliseconds between the answers of a stream. */
  readonly everyMs?: number
}

export type PricingMethod = 'quote' | 'upload' | 'watch' | 'chat'

/** One execution of a handler. */
export interface Execution {
  readonly method: PricingMethod
  /** Of the first message; `''` until it has come. */
  id: string
  readonly metadata: GrpcMetadata
  readonly peer: string
  readonly deadline: Date | number
  /** Messages and payload bytes received. */
  seen: number
  seenBytes: number
  /** Answers written. */
  answered: number
  cancelled: boolean
}

export interface PricingLedger {
  /** In the order they began. */
  readonly executions: readonly Execution[]
  /** How often a request of this id was executed. */
  times(id: string): number
  readonly cancelled: number
}

/** Chosen for each execution; `nth` counts all executions of the server from 1. */
export type Behave = PricingBehaviour | ((execution: Execution, nth: number) => PricingBehaviour)

type Call =
  | ServerUnaryCall<Ask, Answer>
  | ServerReadableStream<Ask, Answer>
  | ServerWritableStream<Ask, Answer>
  | ServerDuplexStream<Ask, Answer>

/** The handlers of the service, and a ledger of what they executed. `behaviour` may be changed while it runs. */
export class PricingService {
  behaviour: Behave
  readonly name: string
  readonly #executions: Execution[] = []
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(behaviour: Behave = {}, name = 'pricing') {
    this.behaviour = behaviour
    this.name = name
  }

  get ledger(): PricingLedger {
    const executions = this.#executions
    return {
      executions,
      times: (id) => executions.filter((one) => one.id === id).length,
      get cancelled() {
        return executions.filter((one) => one.cancelled).length
      },
    }
  }

  /** Nothing delayed is answered any more. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  readonly implementation: UntypedServiceImplementation = {
    quote: (call: ServerUnaryCall<Ask, Answer>, done: sendUnaryData<Answer>) => {
      const execution = this.#begin('quote', call, call.request.id)
      this.#see(execution, call.request)
      this.#unary(execution, call, call.request, done)
    },
    upload: (call: ServerReadableStream<Ask, Answer>, done: sendUnaryData<Answer>) => {
      const execution = this.#begin('upload', call)
      const behaviour = this.#chosen(execution)
      if (behaviour.deaf === true) {
        this.#unary(execution, call, {}, done, behaviour)
        return
      }
      let last: Ask = {}
      call.on('data', (ask: Ask) => {
        last = ask
        this.#see(execution, ask)
      })
      call.on('error', () => {})
      call.on('end', () => this.#unary(execution, call, last, done, behaviour))
    },
    watch: (call: ServerWritableStream<Ask, Answer>) => {
      const execution = this.#begin('watch', call, call.request.id)
      this.#see(execution, call.request)
      this.#stream(execution, call, call.request)
    },
    chat: (call: ServerDuplexStream<Ask, Answer>) => {
      const execution = this.#begin('chat', call)
      const behaviour = this.#chosen(execution)
      if (behaviour.never === true) return
      this.#greet(call, behaviour, behaviour.code !== undefined && (behaviour.after ?? 0) === 0)
      const endsAt =
        behaviour.code === undefined && behaviour.stall !== true ? Infinity : (behaviour.after ?? 0)
      let over = false
      const enough = (): boolean => {
        if (execution.answered < endsAt) return false
        if (!over && behaviour.stall !== true) call.emit('error', this.#error(behaviour))
        over = true
        return true
      }
      this.#later(behaviour.delayMs, () => {
        if (enough()) return
        call.on('data', (ask: Ask) => {
          this.#see(execution, ask)
          if (enough()) return
          call.write(this.#answer(execution, ask))
          enough()
        })
        call.on('end', () => {
          if (!over) call.end(trailersOf(behaviour))
        })
      })
      call.on('error', () => {})
    },
  }

  #begin(method: PricingMethod, call: Call, id = ''): Execution {
    const execution: Execution = {
      method,
      id,
      metadata: call.metadata,
      peer: call.getPeer(),
      deadline: call.getDeadline(),
      seen: 0,
      seenBytes: 0,
      answered: 0,
      cancelled: false,
    }
    this.#executions.push(execution)
    ;(call as ServerUnaryCall<Ask, Answer>).on('cancelled', () => {
      execution.cancelled = true
    })
    return execution
  }

  #see(execution: Execution, ask: Ask): void {
    if (execution.seen === 0) execution.id = ask.id ?? ''
    execution.seen++
    execution.seenBytes += ask.payload?.length ?? 0
  }

  #chosen(execution: Execution): PricingBehaviour {
    const { behaviour } = this
    return typeof behaviour === 'function' ? behaviour(execution, this.#executions.length) : behaviour
  }

  #unary(
    execution: Execution,
    call: ServerUnaryCall<Ask, Answer> | ServerReadableStream<Ask, Answer>,
    ask: Ask,
    done: sendUnaryData<Answer>,
    behaviour = this.#chosen(execution),
  ): void {
    if (behaviour.never === true) return
    this.#later(behaviour.delayMs, () => {
      this.#greet(call, behaviour, behaviour.code !== undefined)
      if (behaviour.code !== undefined) done(this.#error(behaviour))
      else done(null, this.#answer(execution, ask), trailersOf(behaviour))
    })
  }

  #stream(execution: Execution, call: ServerWritableStream<Ask, Answer>, ask: Ask): void {
    const behaviour = this.#chosen(execution)
    if (behaviour.never === true) return
    const ends = behaviour.code !== undefined || behaviour.stall === true
    const count = ends ? (behaviour.after ?? 0) : (ask.count ?? 0)
    const next = (): void => {
      while (execution.answered < count && !execution.cancelled) {
        const more = call.write(this.#answer(execution, ask))
        if (behaviour.everyMs !== undefined) {
          this.#later(behaviour.everyMs, next)
          return
        }
        if (!more) {
          call.once('drain', next)
          return
        }
      }
      if (execution.cancelled || behaviour.stall === true) return
      if (behaviour.code === undefined) call.end(trailersOf(behaviour))
      else call.emit('error', this.#error(behaviour))
    }
    this.#later(behaviour.delayMs, () => {
      this.#greet(call, behaviour, behaviour.code !== undefined && count === 0)
      next()
    })
    call.on('error', () => {})
  }

  #greet(
    call: Pick<ServerUnaryCall<Ask, Answer>, 'sendMetadata'>,
    { initial, stall }: PricingBehaviour,
    fails: boolean,
  ): void {
    if (initial !== undefined || stall === true) call.sendMetadata(metadataOf(initial ?? {}))
    else if (!fails) call.sendMetadata(new Metadata())
  }

  #answer(execution: Execution, ask: Ask): Answer {
    return {
      sku: ask.sku ?? '',
      id: ask.id ?? '',
      price: (ask.quantity ?? 0) * 2.5,
      payload: (ask.answerBytes ?? 0) > 0 ? Buffer.alloc(ask.answerBytes!, 7) : Buffer.alloc(0),
      servedBy: this.name,
      index: execution.answered++,
      seen: execution.seen,
      seenBytes: execution.seenBytes,
    }
  }

  #error({ code, details = 'behaviour', pushback, trailers = {} }: PricingBehaviour) {
    const metadata = metadataOf(trailers)
    if (pushback !== undefined) metadata.set('grpc-retry-pushback-ms', pushback)
    return Object.assign(new Error(details), { code: code ?? status.UNKNOWN, details, metadata })
  }

  #later(ms: number | undefined, fn: () => void): void {
    if (ms === undefined) {
      fn()
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer)
  }
}

function trailersOf({ trailers }: PricingBehaviour): GrpcMetadata {
  return metadataOf(trailers ?? {})
}

function metadataOf(entries: Readonly<Record<string, string | Buffer>>): GrpcMetadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(entries)) metadata.add(name, value)
  return metadata
}
