import { isMeshError, MeshError } from './core/errors.ts'
import type { Events } from './core/events.ts'
import type { Clock, Part } from './core/ports.ts'
import type { LifecycleState } from './core/runtime.ts'

/**
 * idle → starting → ready → draining → closed. Every state may go to `closed`; `starting` falls back to `idle` when a
 * part fails, with nothing left running, so that `start()` may be tried again. Every method is idempotent.
 */
export class Lifecycle {
  readonly #clock: Clock
  readonly #events: Events
  readonly #timeoutMs: number
  readonly #parts: readonly Part[]
  readonly #running: Part[] = []
  #state: LifecycleState = 'idle'
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  /** Of the part that is starting now. */
  #breakOff: AbortController | undefined
  readonly #waiting: ((starting: Promise<void>) => void)[] = []

  /** @param timeoutMs how long each part may take to start, in milliseconds */
  constructor(parts: readonly Part[], timeoutMs: number, clock: Clock, events: Events) {
    this.#parts = parts
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#events = events
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** Starts the parts in order. Rejects with TULLE_START naming the part that failed, or TULLE_CLOSED. */
  start(): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(closedError())
    if (this.#starting !== undefined) return this.#starting
    if (this.#state === 'draining') return Promise.reject(closedError())
    const starting = this.#startParts().catch(async (error: unknown) => {
      this.#starting = undefined
      await this.#stopParts()
      if (this.#state === 'starting') this.#enter('idle')
      throw error
    })
    this.#starting = starting
    for (const wait of this.#waiting.splice(0)) wait(starting)
    return starting
  }

  /** Resolves when the start that somebody else asks for is done; rejects where it fails. */
  whenStarted(): Promise<void> {
    if (this.#state === 'closed') return Promise.reject(closedError())
    if (this.#starting !== undefined) return this.#starting
    if (this.#state === 'draining') return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      this.#waiting.push((starting) => starting.then(resolve, reject))
    })
  }

  draining(): void {
    if (this.#state !== 'closed') this.#enter('draining')
  }

  /** Closes what runs, in reverse order of start. Resolves even where a part fails to close: the rest still is. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const starting = this.#starting
    this.#enter('closed')
    for (const wait of this.#waiting.splice(0)) wait(Promise.reject(closedError()))
    this.#breakOff?.abort(closedError())
    await starting?.catch(() => {})
    await this.#stopParts()
  }

  async #startParts(): Promise<void> {
    this.#enter('starting')
    for (const part of this.#parts) {
      await this.#startPart(part)
      if (this.#state !== 'starting') throw closedError()
    }
    this.#enter('ready')
  }

  async #startPart(part: Part): Promise<void> {
    const controller = new AbortController()
    this.#breakOff = controller
    const late = new MeshError('TULLE_START', `${part.name} did not start within ${this.#timeoutMs} ms`, {
      layer: part.name,
    })
    let disarm = (): void => {}
    const timeout = new Promise<never>((_, reject) => {
      disarm = this.#clock.after(this.#timeoutMs, () => {
        controller.abort(late)
        reject(late)
      })
    })
    this.#running.push(part)
    try {
      await Promise.race([part.start(controller.signal), timeout])
    } catch (cause) {
      if (this.#state === 'closed') throw closedError()
      if (isMeshError(cause)) throw cause
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new MeshError('TULLE_START', `${part.name} could not start: ${message}`, {
        layer: part.name,
        cause,
      })
    } finally {
      this.#breakOff = undefined
      disarm()
    }
  }

  async #stopParts(): Promise<void> {
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      await part.close().catch(() => {})
    }
  }

  #enter(to: LifecycleState): void {
    if (to === this.#state) return
    const from = this.#state
    this.#state = to
    this.#events.emit('state', { from, to })
  }
}

export function closedError(): MeshError {
  return new MeshError('TULLE_CLOSED', 'the mesh is closed', { layer: 'mesh' })
}
