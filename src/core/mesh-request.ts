import type { PeerIdentity } from './call.ts'
import type { Clock } from './ports.ts'
import type { RequestScope } from './scope.ts'

/** What the mesh knows of the request being handled: `req.mesh`, `request.mesh` in Fastify, `meshOf(call)` in gRPC. */
export interface MeshRequest {
  readonly peer: PeerIdentity
  /** When the caller gives up, in monotonic milliseconds (`performance.now()`); undefined: it did not say. */
  readonly deadline: number | undefined
  /** How often this call was tried before, as its caller tells; 0 for the first time and for callers outside the mesh. */
  readonly previousAttempts: number
  /** Milliseconds until the caller gives up, never negative; undefined: it did not say. */
  remainingMs(): number | undefined
  /**
   * Aborts when the caller goes away or its deadline passes, whichever is first. Made at the first access: a handler
   * that does not ask pays nothing.
   */
  readonly signal: AbortSignal
}

export class MeshRequestView implements MeshRequest {
  readonly peer: PeerIdentity
  readonly deadline: number | undefined
  readonly previousAttempts: number
  readonly #clock: Clock
  readonly #scope: RequestScope
  #controller: AbortController | undefined
  #expired: unknown

  constructor(
    peer: PeerIdentity,
    deadline: number | undefined,
    previous: string | undefined,
    clock: Clock,
    scope: RequestScope,
  ) {
    this.peer = peer
    this.deadline = deadline
    this.previousAttempts = previous !== undefined && /^\d{1,3}$/.test(previous) ? Number(previous) : 0
    this.#clock = clock
    this.#scope = scope
  }

  remainingMs(): number | undefined {
    return this.deadline === undefined ? undefined : Math.max(0, this.deadline - this.#clock.now())
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      this.#controller = controller
      const leave = (): void => controller.abort(new DOMException('The caller went away.', 'AbortError'))
      if (this.#expired !== undefined) controller.abort(this.#expired)
      else if (this.#scope.cancelled) leave()
      else this.#scope.onCancel(leave)
    }
    return this.#controller.signal
  }

  /** The deadline passed. */
  expire(error: unknown): void {
    this.#expired = error
    this.#controller?.abort(error)
  }
}
