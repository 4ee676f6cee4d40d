import { Readable } from 'node:stream'
import { mistake } from './mistake.ts'

export type Chunk = Uint8Array | string
type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/**
 * A request body that comes piece by piece and can be had once: a stream, a generator, what fetch makes of any body.
 * Attempts read it through cursors; what was read is kept up to `keepBytes` bytes, so that a later attempt can begin again.
 *
 * The source is pulled only when a cursor asks (back-pressure reaches the producer), by one pull at a time, which
 * belongs to nobody: what an abandoned attempt had asked for is there for the next. Past the bound, chunks are let go
 * as they are read, and from the first one gone the body cannot be had again.
 */
export class Replay {
  /** How much may be kept; the route says so once it is known. */
  keepBytes = 0
  readonly #body: object
  readonly #onFailure: (error: unknown) => void
  #iterator: AnyIterator | undefined
  readonly #chunks: Chunk[] = []
  /** How many chunks were let go; `#chunks[0]` is number `#gone`. */
  #gone = 0
  #pulledBytes = 0
  #pulling = false
  #state: 'open' | 'done' | 'closed' = 'open'
  readonly #cursors = new Set<Cursor>()

  /** @param onFailure told once if the source fails; the call is over then, whatever its attempts do */
  constructor(body: object, onFailure: (error: unknown) => void) {
    this.#body = body
    this.#onFailure = onFailure
    if (isNodeStream(body)) body.on('error', this.#fail)
  }

  get replayable(): boolean {
    return this.#gone === 0 && this.#state !== 'closed'
  }

  /** What is held to be read again. */
  get keptBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + sizeOf(chunk), 0)
  }

  /** The body from its beginning, for one attempt. */
  open(): Cursor {
    const cursor = new Cursor(this)
    this.#cursors.add(cursor)
    return cursor
  }

  /** The call is over: nobody reads on, and a source that has not ended is told so. */
  close(): void {
    if (this.#state === 'closed') return
    const finished = this.#state === 'done'
    this.#state = 'closed'
    this.#chunks.length = 0
    for (const cursor of this.#cursors) cursor.detach()
    if (finished) return
    if (isNodeStream(this.#body)) this.#body.destroy?.()
    else if (this.#iterator !== undefined) void settle(this.#iterator)
  }

  /** Chunk number `position`; 'end' where there is none; undefined: not yet, the cursor will be woken. */
  read(position: number): Chunk | 'end' | undefined {
    if (this.#state === 'closed') return 'end'
    const chunk = this.#chunks[position - this.#gone]
    if (chunk === undefined) {
      if (this.#state === 'done') return 'end'
      if (!this.#pulling) void this.#pull()
      return undefined
    }
    if (this.#pulledBytes > this.keepBytes) {
      this.#chunks.splice(0, position - this.#gone + 1)
      this.#gone = position + 1
    }
    return chunk
  }

  forget(cursor: Cursor): void {
    this.#cursors.delete(cursor)
  }

  async #pull(): Promise<void> {
    this.#pulling = true
    try {
      this.#iterator ??= iteratorOf(this.#body)
      const { done, value } = await this.#iterator.next()
      if (this.#state !== 'open') return
      if (done === true) this.#state = 'done'
      else this.#keep(value)
    } catch (error) {
      this.#fail(error)
      return
    } finally {
      this.#pulling = false
    }
    for (const cursor of this.#cursors) cursor.wake()
  }

  #keep(value: unknown): void {
    if (typeof value !== 'string' && !(value instanceof Uint8Array))
      throw mistake('a body must be made of strings and Uint8Arrays')
    this.#chunks.push(value)
    this.#pulledBytes += sizeOf(value)
  }

  readonly #fail = (error: unknown): void => {
    if (this.#state !== 'open') return
    this.#onFailure(error)
    this.close()
  }
}

/** One attempt's way through the body. Ends, instead of failing, when the attempt is over: undici has aborted by then. */
export class Cursor implements AsyncIterableIterator<Chunk> {
  readonly #replay: Replay
  #position = 0
  #attached = true
  #waiting: ((result: IteratorResult<Chunk>) => void) | undefined

  constructor(replay: Replay) {
    this.#replay = replay
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Chunk>> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.wake()
    })
  }

  /** undici calls this when it stops reading early; the source lives on for the next attempt. */
  return(): Promise<IteratorResult<Chunk>> {
    this.detach()
    return Promise.resolve(END)
  }

  wake(): void {
    if (this.#waiting === undefined) return
    const found = this.#attached ? this.#replay.read(this.#position) : 'end'
    if (found === undefined) return
    const resolve = this.#waiting
    this.#waiting = undefined
    if (found === 'end') {
      resolve(END)
      return
    }
    this.#position++
    resolve({ done: false, value: found })
  }

  /** The attempt is over. */
  detach(): void {
    this.#attached = false
    this.#replay.forget(this)
    this.wake()
  }
}

const sizeOf = (chunk: Chunk): number =>
  typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength

const END: IteratorResult<Chunk> = { done: true, value: undefined }

interface NodeStream {
  on(event: 'error', listener: (error: unknown) => void): unknown
  pipe(target: unknown): unknown
  destroy?(): unknown
}

export function isNodeStream(body: object): body is NodeStream {
  const { pipe, on } = body as Partial<NodeStream>
  return typeof pipe === 'function' && typeof on === 'function'
}

function iteratorOf(body: object): AnyIterator {
  const source = body as Partial<AsyncIterable<unknown> & Iterable<unknown>>
  if (typeof source[Symbol.asyncIterator] === 'function')
    return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]()
  if (typeof source[Symbol.iterator] === 'function') return (source as Iterable<unknown>)[Symbol.iterator]()
  // A stream of the oldest kind, such as those of the form-data package.
  return new Readable().wrap(body as NodeJS.ReadableStream)[Symbol.asyncIterator]()
}

/** A generator in the middle of something may take its time to return, or fail to: the call is over either way. */
async function settle(iterator: AnyIterator): Promise<void> {
  try {
    await iterator.return?.()
  } catch {
    // Nobody is left to be told.
  }
}
