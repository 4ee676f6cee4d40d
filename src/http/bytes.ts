import type { Duplex } from 'node:stream'
import { errors } from 'undici'
import type { Attempt } from '../core/attempt.ts'
import { cancelled } from '../core/cancel.ts'
import type { CancelReason, Observer } from '../core/hop.ts'
import type { Outcome, Phase } from '../core/outcome.ts'
import { classifyEnd, classifyHead } from './classify.ts'
import type { Exchange } from './exchange.ts'
import { fault, type Standing, silence } from './fault.ts'
import { BODY_IDLE_TICKS, STREAM_IDLE_TICKS, type Watched } from './idle.ts'
import type { Receiver } from './receiver.ts'
import type { Cursor } from './replay.ts'
import type { Wiring } from './wiring.ts'

/** How much of an answer nobody wants is read to keep its connection (law 3), and for how long. */
const DRAIN_BYTES = 64 * 1024
const DRAIN_MS = 100

/**
 * One attempt as undici's client sees it: the fused handler. Verdicts go up through the observer; bytes go straight
 * to the receiver.
 *
 * queued → writing (`onConnect`) → sent → head → delivering or draining → ended. Cancelled or failed, it is ended at
 * once and deaf to whatever undici reports afterwards. A request that is still queued in undici then cannot be
 * called back: it is thrown out at `onConnect`, which leaves the fresh connection to the next one.
 */
export class Bytes implements Watched {
  idleTicks = 0
  idleLimit = 0
  previous: Watched | undefined = undefined
  next: Watched | undefined = undefined
  readonly #attempt: Attempt<Exchange>
  readonly #observer: Observer
  readonly #receiver: Receiver
  readonly #cursor: Cursor | undefined
  readonly #wiring: Wiring
  #abort: ((error: Error) => void) | undefined
  #debut: string | undefined
  #wrote = false
  #sent = false
  #head: Outcome | undefined
  #delivering = false
  #drained = 0
  #stopDraining: (() => void) | undefined
  #paused = false
  #socket: Duplex | undefined
  #socketBytes = 0
  #ended = false

  constructor(attempt: Attempt<Exchange>, observer: Observer, cursor: Cursor | undefined, wiring: Wiring) {
    this.#attempt = attempt
    this.#observer = observer
    this.#receiver = attempt.call.wire.receiver
    this.#cursor = cursor
    this.#wiring = wiring
    wiring.running++
  }

  cancel(reason: CancelReason): void {
    if (this.#ended) return
    const now = this.#wiring.clock.now()
    this.#kill(cancelled(reason, this.#attempt, now, this.#delivering, this.#phase()))
  }

  onConnect(abort: (error: Error) => void): void {
    if (this.#ended) throw new errors.RequestAbortedError('cancelled while it was queued')
    this.#abort = abort
    this.#debut = this.#wiring.debut.protocol
  }

  onBodySent(chunk: Uint8Array | string): void {
    this.#wrote = true
    if (this.#ended || this.#receiver.onBodySent === undefined) return
    try {
      this.#receiver.onBodySent(chunk)
    } catch (error) {
      this.#threw(error)
    }
  }

  onRequestSent(): void {
    this.#wrote = true
    this.#sent = true
    if (this.#ended) return
    if (this.#head === undefined) this.#observer.sent?.()
    if (this.#ended || this.#receiver.onRequestSent === undefined) return
    try {
      this.#receiver.onRequestSent()
    } catch (error) {
      this.#threw(error)
    }
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.#ended) return true
    if (status < 200) return this.#inform(status, rawHeaders, resume, statusText)
    const head = classifyHead(status, rawHeaders, this.#wiring.wall)
    this.#head = head
    const disposition = this.#observer.head(head)
    if (this.#ended) return true
    if (disposition === 'discard') return this.#drain()
    this.#delivering = true
    this.#watch(head)
    try {
      this.#receiver.onResponseStarted?.()
      const more = this.#receiver.onHeaders(status, rawHeaders, this.#resumes(resume), statusText)
      this.#paused = more === false
    } catch (error) {
      this.#threw(error)
    }
    return !this.#paused
  }

  onData(chunk: Buffer): boolean {
    if (this.#ended) return true
    if (!this.#delivering) return this.#drop(chunk.length)
    this.idleTicks = 0
    try {
      this.#paused = this.#receiver.onData(chunk) === false
    } catch (error) {
      this.#threw(error)
    }
    return !this.#paused
  }

  onComplete(rawTrailers: Buffer[]): void {
    const { error: broke } = this.#wiring.breaking
    if (broke !== undefined) this.onError(broke)
    if (this.#ended) return
    const delivering = this.#delivering
    this.#end(this.#final())
    if (!delivering) return
    try {
      this.#receiver.onComplete(rawTrailers)
    } catch (error) {
      this.#receiver.onError(error)
    }
  }

  /** Only a 101 switches protocols, and CONNECT; undici hands over the socket of any answer to CONNECT. */
  onUpgrade(status: number, rawHeaders: Buffer[], socket: Duplex): void {
    this.#socket = socket
    if (this.#ended) socket.destroy()
    else if (status === 101 || this.#attempt.call.method === 'CONNECT')
      this.#switch(status, rawHeaders, socket)
    else this.onError(new errors.SocketError('bad upgrade'))
  }

  onError(error: unknown): void {
    if (this.#ended) return
    const drained = this.#head !== undefined && !this.#delivering
    const outcome = drained ? this.#final() : fault(error, this.#standing())
    if (this.#socket === undefined) this.#end(outcome)
    else this.#kill(outcome)
  }

  /** The reader's pause must not look like the peer's silence; an open socket's bytes go past us, so they are counted. */
  excused(): boolean {
    if (this.#socket === undefined) return this.#paused
    const before = this.#socketBytes
    this.#socketBytes = countBytes(this.#socket)
    return this.#socketBytes !== before
  }

  expire(): void {
    this.#kill(silence(this.idleLimit === STREAM_IDLE_TICKS, this.#standing()))
  }

  /** 1xx: passed on as it comes, whatever becomes of the attempt; it commits to nothing. */
  #inform(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    this.#debut = undefined
    try {
      this.#receiver.onHeaders(status, rawHeaders, resume, statusText)
    } catch (error) {
      this.#threw(error)
    }
    return true
  }

  #resumes(resume: () => void): () => void {
    return () => {
      this.#paused = false
      this.idleTicks = 0
      resume()
    }
  }

  #switch(status: number, rawHeaders: Buffer[], socket: Duplex): void {
    const answer = classifyHead(status, rawHeaders, this.#wiring.wall)
    const head: Outcome = { ...answer, streaming: status < 300 }
    this.#head = head
    const disposition = this.#observer.head(head)
    if (this.#ended) return
    if (disposition === 'discard') {
      this.#kill(this.#final())
      return
    }
    this.#delivering = true
    this.#attempt.call.wire.switched()
    socket.once('close', (broke: boolean) => this.#closed(broke))
    this.#watch(head)
    try {
      this.#receiver.onUpgrade?.(status, rawHeaders, socket)
    } catch (error) {
      this.#threw(error)
    }
  }

  #watch(head: Outcome): void {
    if (head.streaming === true) this.#wiring.idle.add(this, STREAM_IDLE_TICKS)
    else if (this.#attempt.call.covers === 'head') this.#wiring.idle.add(this, BODY_IDLE_TICKS)
  }

  /** A connection on which our request is still being written cannot be kept: what would follow is garbage. */
  #drain(): boolean {
    if (!this.#sent) this.#kill(this.#final())
    else this.#stopDraining = this.#wiring.clock.background(DRAIN_MS, () => this.#kill(this.#final()))
    return true
  }

  #drop(bytes: number): boolean {
    this.#drained += bytes
    if (this.#drained > DRAIN_BYTES) this.#kill(this.#final())
    return true
  }

  #closed(broke: boolean): void {
    if (this.#ended) return
    this.#end(broke ? fault(new errors.SocketError('closed'), this.#standing()) : this.#final())
  }

  #final(): Outcome {
    return classifyEnd(this.#head as Outcome, this.#delivering)
  }

  #threw(error: unknown): void {
    if (this.#ended) return
    this.#attempt.call.wire.threw(error)
    this.#kill({ class: 'ignored', committed: true, unsent: false, phase: this.#phase() })
  }

  /** Ends, and takes the connection with it. */
  #kill(outcome: Outcome): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#socket !== undefined) this.#socket.destroy(outcome.error)
    else this.#abort?.(new errors.RequestAbortedError())
    this.#settle(outcome)
  }

  #end(outcome: Outcome): void {
    this.#ended = true
    this.#settle(outcome)
  }

  #settle(outcome: Outcome): void {
    this.#wiring.running--
    this.#wiring.idle.remove(this)
    this.#stopDraining?.()
    this.#cursor?.detach()
    this.#observer.end(outcome)
  }

  #phase(): Phase {
    if (this.#head !== undefined) return 'body'
    if (this.#sent) return 'head'
    return this.#abort === undefined ? 'connect' : 'send'
  }

  #standing(): Standing {
    const { call, endpoint } = this.#attempt
    return {
      phase: this.#phase(),
      wrote: this.#wrote,
      debut: this.#debut,
      committed: this.#delivering,
      status: this.#head?.code,
      service: call.target.service,
      endpoint: endpoint?.id ?? 'an unknown endpoint',
    }
  }
}

/** All bytes that ever passed over a socket, either way; always 0 for a stream that does not count. */
function countBytes(socket: Duplex): number {
  const { bytesRead = 0, bytesWritten = 0 } = socket as Partial<{ bytesRead: number; bytesWritten: number }>
  return bytesRead + bytesWritten
}
