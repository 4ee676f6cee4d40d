import type { IncomingMessage } from 'node:http'
import { type Ambient, NO_AMBIENT } from '../core/ambient.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { type Cancel, type CancelReason, NOTHING_TO_CANCEL, type Observer } from '../core/hop.ts'
import type { MeshRequestView } from '../core/mesh-request.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Runtime } from '../core/runtime.ts'
import { RequestScope } from '../core/scope.ts'
import type { Deadlines, Due, Hurried } from './deadlines.ts'
import type { Listed } from './in-flight.ts'
import type { InboundCall, InboundWire } from './inbound-call.ts'

/** Sees every exchange at its start and at its end. */
export interface Track {
  add(exchange: Exchange): void
  delete(exchange: Exchange): void
}

/**
 * One inbound exchange, from the door to its last byte: above the stack the observer that answers refusals, below it
 * the leaf that runs the application. How answers are written is the subclass's: a request or an upgrade.
 *
 *     waiting ──begin──▶ running ──done | gone | failed | late | cancelled──▶ over
 *     waiting ──refused by a layer | gone──▶ over
 */
export abstract class Exchange implements InboundWire, Observer, Listed, Hurried {
  older: Listed | undefined = undefined
  newer: Listed | undefined = undefined
  listed = false
  readonly req: IncomingMessage
  readonly scope = new RequestScope()
  mesh: MeshRequestView | undefined
  readonly #runtime: Runtime
  readonly #track: Track | undefined
  #cancelStack: Cancel = NOTHING_TO_CANCEL
  #observer: Observer | undefined
  #begun = false
  #gone = false
  #leafOver = false
  #headTold = false
  #ambient: Ambient = NO_AMBIENT
  #deadlines: Deadlines | undefined
  #due: Due | undefined

  constructor(runtime: Runtime, req: IncomingMessage, track?: Track) {
    this.#runtime = runtime
    this.req = req
    this.#track = track
  }

  /** True once part of the answer is on its way: it is the application's from there. */
  abstract readonly answered: boolean
  protected abstract invoke(): unknown
  /** Answers with an error in place of the application. The connection outlives it only if `keep`. */
  protected abstract answer(error: MeshError, keep: boolean): void
  /** Cuts a half-sent answer, so that nobody takes it for a whole one. */
  protected abstract cut(): void
  /** Called by everyone who means to close down callers gently: no further request on this connection. */
  abstract lastOfConnection(): void

  /** Sends the call through the stack. */
  enter(
    stack: (call: InboundCall, observer: Observer) => Cancel,
    call: InboundCall,
    deadlines: Deadlines,
  ): void {
    this.#deadlines = deadlines
    this.#cancelStack = stack(call, this)
  }

  begin(call: InboundCall, observer: Observer): Cancel {
    this.#begun = true
    this.#observer = observer
    this.#ambient = call.ambient
    const { deadline } = call.ambient
    if (deadline !== undefined) this.#due = this.#deadlines?.add(deadline, this)
    try {
      const result = this.#inside(() => this.invoke())
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.#failed(error))
    } catch (error) {
      this.#failed(error)
    }
    return (reason) => this.#cancelled(reason)
  }

  /** What the application sees happens in the context of its request. */
  #inside<T>(fn: () => T): T {
    const { ambient, tracing } = this.#runtime
    const { context } = this.#ambient
    return ambient.run(this.#ambient, context === undefined ? fn : () => tracing.with(context, fn))
  }

  // Above the stack.

  head(): 'deliver' {
    return 'deliver'
  }

  end(outcome: Outcome): void {
    if (!this.#begun && !this.#gone) this.answer(refusalOf(outcome), true)
    this.#track?.delete(this)
  }

  // What the subclass sees on the wire.

  protected headSent(code: number, streaming: boolean): void {
    if (this.#leafOver || this.#headTold) return
    this.#headTold = true
    if (streaming) this.#untime()
    this.#observer?.head({
      class: classOf(code),
      committed: true,
      unsent: false,
      code,
      streaming,
      phase: 'head',
    })
  }

  protected done(code: number): void {
    this.scope.finish()
    this.headSent(code, false)
    this.#settle(answeredWith(code))
  }

  protected gone(): void {
    if (this.#gone || this.scope.finished) return
    this.#gone = true
    this.scope.cancel()
    if (!this.#begun)
      this.#cancelStack({ kind: 'caller', error: new DOMException('The caller went away.', 'AbortError') })
    else
      this.#settle({
        class: 'ignored',
        condition: 'reset',
        committed: this.answered,
        unsent: false,
        phase: this.answered ? 'body' : 'head',
      })
  }

  /** Nothing moved on the connection for the idle limit. */
  idle(ms: number): void {
    const message = `Nothing was sent or received for ${ms} ms.`
    if (this.answered || this.#leafOver) this.cut()
    else this.#late(new MeshError('TULLE_IDLE_TIMEOUT', message, { layer: 'server' }))
  }

  // How it ends.

  /** Told by the clock. */
  overdue(): void {
    const error = new MeshError('TULLE_DEADLINE', "The caller's deadline passed before the answer.", {
      layer: 'server',
    })
    this.#inside(() => this.mesh?.expire(error))
    this.#late(error)
  }

  #untime(): void {
    if (this.#due === undefined) return
    this.#deadlines?.delete(this.#due)
    this.#due = undefined
  }

  /** An answer that has begun is left alone: its caller cuts it when it likes. */
  #late(error: MeshError): void {
    if (this.#leafOver || this.#gone || this.answered) return
    this.scope.cancel()
    this.answer(error, false)
    if (!this.#begun) {
      // A layer still holds the call; what it ends with has been answered already.
      this.#gone = true
      this.#cancelStack({ kind: 'deadline', error })
      return
    }
    this.#settle({
      class: 'failure',
      condition: 'deadline',
      committed: false,
      unsent: false,
      code: 504,
      error,
      phase: 'head',
    })
  }

  #failed(cause: unknown): void {
    const { method, url } = this.req
    this.#runtime.log.error('the application threw instead of answering', {
      method,
      path: url?.split('?', 1)[0],
      error: cause,
    })
    if (this.#leafOver) return
    const error = new MeshError('TULLE_HANDLER', 'The application failed to answer.', {
      layer: 'leaf',
      cause,
    })
    const committed = this.answered
    this.scope.finish()
    if (committed) this.cut()
    else this.answer(error, true)
    this.#settle({
      class: 'failure',
      condition: '5xx',
      committed,
      unsent: false,
      code: 500,
      error,
      phase: committed ? 'body' : 'head',
    })
  }

  #cancelled(reason: CancelReason): void {
    if (this.#leafOver) return
    const error = isMeshError(reason.error)
      ? reason.error
      : new MeshError('TULLE_CLOSED', 'This instance gave up the request.', { layer: 'server' })
    const committed = this.answered
    this.scope.cancel()
    if (committed) this.cut()
    else this.answer(error, false)
    this.#settle({ class: 'ignored', committed, unsent: false, error, phase: committed ? 'body' : 'head' })
  }

  #settle(outcome: Outcome): void {
    if (this.#leafOver) return
    this.#leafOver = true
    this.#untime()
    this.#observer?.end(outcome)
  }
}

/** By status: every answer of one status is the same verdict. */
const ANSWERS = new Map<number, Outcome>()

function answeredWith(code: number): Outcome {
  let outcome = ANSWERS.get(code)
  if (outcome === undefined) {
    const condition = code >= 502 && code <= 504 ? 'gateway-error' : code >= 500 ? '5xx' : undefined
    outcome = { class: classOf(code), condition, committed: true, unsent: false, code, phase: 'done' }
    // Node accepts any three digits.
    if (ANSWERS.size < 100) ANSWERS.set(code, Object.freeze(outcome))
  }
  return outcome
}

const classOf = (code: number): 'success' | 'failure' => (code >= 500 ? 'failure' : 'success')

function refusalOf(outcome: Outcome): MeshError {
  return outcome.error ?? new MeshError('TULLE_OVERLOADED', 'The request was refused.', { layer: 'server' })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}
