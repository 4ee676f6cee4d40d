import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'
import { getDefaultHighWaterMark } from 'node:stream'
import { isMeshError } from '../core/errors.ts'
import type { LeanRequest } from './lean-request.ts'
import type { Receiver } from './receiver.ts'

/** As much as the built-in fetch keeps of a body that nobody reads yet. */
const HIGH_WATER_BYTES = getDefaultHighWaterMark(false)
const ONCE = { once: true } as const
/** Redirects are followed, 401, 407 and 421 mean more to fetch than an answer. */
const MORE_THAN_AN_ANSWER: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 401, 407, 421])
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304])

/** Who reads the bytes as they come. */
export interface Sink {
  /** There are bytes to take, or their end has come. */
  wake(): void
  fail(error: unknown): void
}

/**
 * One lean call from its dispatch to the last byte of its answer: told by the mesh, read by a body.
 *
 * waiting → head → open ⇄ paused → complete → taken, or failed from any of them; or, from head, handed over to the
 * built-in fetch, which hears the same answer from its head on (`lean-handover.ts`) and does the rest.
 *
 * A failure wins over what was received and not yet taken: so it is in streams.
 */
export class LeanAnswer implements Receiver {
  readonly request: LeanRequest
  /** Settles at the head of the answer. */
  readonly head: Promise<LeanAnswer>
  status = 0
  statusText = ''
  rawHeaders: Buffer[] = []
  /** There is no body, whatever the peer sends. */
  bodiless = false
  /** The built-in fetch is to go on. */
  exceptional = false
  complete = false
  failed = false
  failure: unknown
  /** Failed because the caller's signal said so. */
  aborted = false
  #resolve!: (answer: LeanAnswer) => void
  #reject!: (error: unknown) => void
  #abort: ((reason: unknown) => void) | undefined
  #resume: (() => void) | undefined
  #paused = false
  #greedy = false
  #chunks: Buffer[] = []
  #bytes = 0
  #sink: Sink | undefined
  #heir: Receiver | undefined

  constructor(request: LeanRequest) {
    this.request = request
    this.head = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (request.signal !== undefined) follow(request.signal, this)
  }

  /** The caller's signal. */
  handleEvent(): void {
    const reason: unknown = this.request.signal?.reason
    this.aborted = true
    // A body has fetch's own word for it where the reason is none.
    const none = this.status !== 0 && !reason
    this.#fail(none ? new DOMException('The operation was aborted.', 'AbortError') : reason)
    this.#abort?.(reason)
  }

  onConnect(abort: (reason?: unknown) => void): void {
    this.#abort = abort
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200 || this.failed) return true
    this.status = status
    this.rawHeaders = rawHeaders
    this.statusText = statusText
    this.#resume = resume
    this.bodiless = this.request.method === 'HEAD' || WITHOUT_BODY.has(status)
    this.exceptional = MORE_THAN_AN_ANSWER.has(status) || isExceptional(rawHeaders, !this.bodiless)
    this.#paused = this.exceptional
    this.#resolve(this)
    return !this.#paused
  }

  onData(chunk: Buffer): boolean {
    if (this.#heir !== undefined) return this.#heir.onData(chunk) as boolean
    if (this.bodiless || this.failed) return true
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#sink?.wake()
    this.#paused = !this.#greedy && this.#bytes >= HIGH_WATER_BYTES
    return !this.#paused
  }

  onComplete(rawTrailers: Buffer[]): void {
    this.complete = true
    if (this.#heir !== undefined) this.#heir.onComplete(rawTrailers)
    else this.#sink?.wake()
  }

  onError(error: unknown): void {
    if (this.#heir !== undefined) this.#heir.onError(error)
    else if (this.status === 0 || this.exceptional)
      this.#fail(isMeshError(error) ? error : new TypeError('fetch failed', { cause: error }))
    else this.#fail(new TypeError('terminated', error instanceof Error ? { cause: error } : {}))
  }

  /** Whoever reads from now on. `greedy`: wants all of it, so there is no point in making the peer wait. */
  read(sink: Sink, greedy: boolean): void {
    this.#sink = sink
    this.#greedy = greedy
    if (this.failed) sink.fail(this.failure)
    else sink.wake()
    if (greedy) this.#go()
  }

  /** What has come since the last time, and lets more of it come; empty: nothing. Throws what the answer failed with. */
  take(): Buffer[] {
    if (this.failed) throw this.failure
    const chunks = this.#chunks
    if (chunks.length === 0) return chunks
    this.#chunks = []
    this.#bytes = 0
    this.#go()
    return chunks
  }

  /** All of it was taken: nothing ends it any more. */
  close(): void {
    this.#ignoreSignal()
  }

  /** The reader wants no more. */
  cancel(reason: unknown): void {
    this.#sink = undefined
    this.#chunks = []
    this.#ignoreSignal()
    this.#abort?.(reason)
  }

  /** The built-in fetch goes on from here, as if it had sent the request itself. */
  handOver(heir: Receiver): void {
    this.#ignoreSignal()
    heir.onConnect((reason) => this.#abort?.(reason), null)
    if (this.failed) {
      heir.onError(this.failure)
      return
    }
    this.#heir = heir
    const more = heir.onHeaders(this.status, this.rawHeaders, () => this.#resume?.(), this.statusText)
    if (more !== false) this.#resume?.()
  }

  /** The call ends with it, unless all of the answer was taken. */
  #fail(error: unknown): void {
    if (this.failed) return
    this.failed = true
    this.failure = error
    this.#chunks = []
    this.#ignoreSignal()
    this.#reject(error)
    this.#sink?.fail(error)
  }

  #go(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#resume?.()
  }

  #ignoreSignal(): void {
    this.request.signal?.removeEventListener('abort', this)
  }
}

const CONTENT_ENCODING = 'content-encoding'

/** A body to be decoded; or a value that ends in white space, which a `Headers` made by us would not keep. */
function isExceptional(rawHeaders: readonly Buffer[], hasBody: boolean): boolean {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as Buffer
    const value = rawHeaders[i + 1] as Buffer
    if (value.length > 0 && (value[value.length - 1] as number) <= 0x20) return true
    if (!hasBody || name.length !== CONTENT_ENCODING.length) continue
    if (name.toString('latin1').toLowerCase() === CONTENT_ENCODING) return true
  }
  return false
}

/** One signal may well be that of very many calls: fetch too raises the number above which Node.js warns. */
const MANY_LISTENERS = 1500

function follow(signal: AbortSignal, answer: LeanAnswer): void {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(MANY_LISTENERS, signal)
  signal.addEventListener('abort', answer, ONCE)
}
