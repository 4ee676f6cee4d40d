import type { ReadableByteStreamController } from 'node:stream/web'
import type { LeanAnswer, Sink } from './lean-answer.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)

/** The bytes of a lean answer as a stream: nothing is asked of the peer before somebody reads. */
export function streamOf(answer: LeanAnswer): ReadableStream {
  return new ReadableStream(new Source(answer))
}

export function joined(chunks: Buffer[]): Buffer {
  const [first = NO_BYTES] = chunks
  return chunks.length < 2 ? first : Buffer.concat(chunks)
}

/** Closes only when somebody reads to the end, as the stream of fetch does. */
class Source implements Sink {
  readonly type = 'bytes'
  readonly #answer: LeanAnswer
  #controller: ReadableByteStreamController | undefined
  /** Somebody reads, and there was nothing yet. */
  #awaited: (() => void) | undefined

  constructor(answer: LeanAnswer) {
    this.#answer = answer
  }

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller
    this.#answer.read(this, false)
  }

  pull(): Promise<void> | undefined {
    if (this.#pass()) return undefined
    return new Promise((resolve) => {
      this.#awaited = resolve
    })
  }

  cancel(reason: unknown): void {
    this.#answer.cancel(reason)
  }

  wake(): void {
    if (this.#awaited !== undefined && this.#pass()) this.#settle()
  }

  fail(error: unknown): void {
    this.#controller?.error(error)
    this.#settle()
  }

  /** False: there is nothing to pass on. */
  #pass(): boolean {
    const controller = this.#controller as ReadableByteStreamController
    const bytes = joined(this.#answer.take())
    if (bytes.byteLength > 0) controller.enqueue(new Uint8Array(bytes))
    else if (this.#answer.complete) {
      this.#answer.close()
      controller.close()
      controller.byobRequest?.respond(0)
    } else return false
    return true
  }

  #settle(): void {
    const awaited = this.#awaited
    this.#awaited = undefined
    awaited?.()
  }
}
