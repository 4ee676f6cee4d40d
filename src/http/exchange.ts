import { errors } from 'undici'
import type { Call } from '../core/call.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Cancel, Hop, Observer } from '../core/hop.ts'
import type { Outcome } from '../core/outcome.ts'
import type { HttpCall } from './call.ts'
import type { Receiver } from './receiver.ts'
import { Replay } from './replay.ts'
import type { HttpRequest } from './request.ts'

/** How much of a body is kept to send it again where policy does not say (Linkerd's bound), in bytes. */
const KEEP_BYTES = 64 * 1024

/**
 * The life of one call between the application and the stack: what is asked, who is told, and the caller's way to
 * call it off. It stands above the topmost layer as its observer; attempts find it as the call's wire.
 *
 * waiting (made; `onConnect` told, so that the caller can abort whatever the call waits for)
 *   → running (`launch`) → over; or waiting → over. The receiver hears exactly one of `onError`, `onComplete` and
 *   `onUpgrade` last; the last two come from the attempt itself.
 */
export class Exchange implements Observer {
  readonly request: HttpRequest
  /** Who is told; set right after construction, since some are made with the exchange in hand. */
  receiver!: Receiver
  /** Where the body comes piece by piece. */
  readonly replay: Replay | undefined
  #call: HttpCall | undefined
  #cancel: Cancel | undefined
  #over = false
  #switched = false
  #aborted = false
  /** What the caller gets unwrapped: its own abort reason, or what its own code threw. */
  #reason: unknown

  constructor(request: HttpRequest) {
    this.request = request
    this.replay = request.bodyComesInPieces
      ? new Replay(request.body as object, (error) => this.abort(error))
      : undefined
  }

  get over(): boolean {
    return this.#over
  }

  /** Hands the receiver its abort. False: it used it at once. */
  begin(): boolean {
    try {
      this.receiver.onConnect((reason) => this.abort(reason), null)
    } catch (error) {
      this.abort(error)
    }
    return !this.#over
  }

  launch(call: HttpCall, hop: Hop<Call<unknown>>): void {
    if (this.#over) return
    this.#call = call
    if (this.replay !== undefined) this.replay.keepBytes = call.route.replayBytes ?? KEEP_BYTES
    const cancel = hop(call, this)
    if (this.#over) return
    this.#cancel = cancel
    if (this.#aborted) cancel({ kind: 'caller', error: this.#reason })
  }

  /** Ends a call that no layer has seen. */
  refuse(error: unknown): void {
    if (!this.#over) this.#fail(error)
  }

  abort(reason: unknown): void {
    if (this.#over || this.#aborted || this.#switched) return
    this.#aborted = true
    this.#reason = reason ?? new errors.RequestAbortedError()
    if (this.#cancel !== undefined) this.#cancel({ kind: 'caller', error: this.#reason })
    else if (this.#call === undefined) this.#fail(this.#reason)
  }

  /** What the caller's own code threw while it was told something: it comes back as it is. */
  threw(error: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = error
  }

  /** The connection is the caller's own now; as in undici, its abort is the socket's. */
  switched(): void {
    this.#switched = true
  }

  head(): 'deliver' {
    return 'deliver'
  }

  end(outcome: Outcome): void {
    if (this.#over) return
    if (this.#aborted) this.#fail(this.#reason)
    else if (outcome.error !== undefined) this.#fail(outcome.error)
    else if (outcome.committed) this.#finish()
    else this.#fail(new MeshError('TULLE_RESET', 'the call ended without an answer', { layer: 'http' }))
  }

  #finish(): void {
    this.#over = true
    this.replay?.close()
  }

  #fail(error: unknown): void {
    this.#finish()
    const call = this.#call
    if (call !== undefined && error !== this.#reason && isMeshError(error)) {
      error.attempts = call.trail ?? []
      error.policyVersion = call.route.policyVersion
    }
    if (!this.#switched) this.#tell(error)
  }

  /** An observer never throws (law 1): layers above a throw would keep the places and permits they give back at the end. */
  #tell(error: unknown): void {
    try {
      this.receiver.onError(error)
    } catch {
      // The call is over, and its caller has been told.
    }
  }
}
