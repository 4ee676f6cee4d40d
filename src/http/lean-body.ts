import { Readable } from 'node:stream'
import type { LeanAnswer, Sink } from './lean-answer.ts'
import { responseHeaders } from './lean-response-headers.ts'
import { joined, streamOf } from './lean-stream.ts'

/** Before undici 7 (Node.js 20 and 22) a body whose call was aborted refuses to be read, without becoming used. */
const ABORTED_IS_UNREADABLE = Number.parseInt(process.versions.undici ?? '', 10) < 7

/**
 * The body of a lean answer. Read whole as text, JSON or bytes it never becomes a stream; all else (`body`, `blob`,
 * `formData`, `clone`, and whatever is asked of a body that was read already) is left to a real `Response` that is made
 * then, around a stream of the same bytes.
 */
export class LeanBody {
  readonly #answer: LeanAnswer
  #real: Response | undefined
  #used = false
  /** A copy does not hear of what becomes of the answer later. */
  readonly #copy: boolean

  constructor(answer: LeanAnswer, real?: Response) {
    this.#answer = answer
    this.#real = real
    this.#copy = real !== undefined && !answer.aborted
  }

  get used(): boolean {
    return this.#used || (this.#real?.bodyUsed ?? false)
  }

  /**
   * All of it, converted; rejects as fetch does where it was read already, or breaks.
   *
   * @param convert undefined: only a real `Response` can
   */
  whole<T>(
    convert: ((bytes: Buffer) => T) | undefined,
    otherwise: (real: Response) => Promise<T>,
  ): Promise<T> {
    const answer = this.#answer
    if (this.used) return otherwise(this.real)
    if (ABORTED_IS_UNREADABLE && answer.aborted && !this.#copy)
      return Promise.reject(new DOMException('The operation was aborted.', 'AbortError'))
    if (convert === undefined || this.#real !== undefined || answer.bodiless) return otherwise(this.real)
    this.#used = true
    // Taken a microtask later: an abort in the same tick still wins, as it does in fetch.
    return new Promise<void>((resolve, reject) => answer.read(new Whole(answer, resolve, reject), true)).then(
      () => {
        const bytes = joined(answer.take())
        answer.close()
        return convert(bytes)
      },
    )
  }

  clone(): LeanBody {
    return new LeanBody(this.#answer, this.real.clone() as Response)
  }

  /** Nobody can read it any more: the connection need not wait. */
  forgotten(): void {
    const stream = this.#real?.body
    if (stream === undefined) {
      if (!this.#used) this.#answer.cancel(new Error('the answer was not read'))
    } else if (stream !== null && !stream.locked && !Readable.isDisturbed(stream as never))
      stream.cancel('the answer was not read').catch(() => {})
  }

  get real(): Response {
    this.#real ??= this.#used ? spent() : this.#make()
    return this.#real
  }

  #make(): Response {
    const answer = this.#answer
    // What it has to know for `blob` and `formData`.
    const type = responseHeaders(answer.rawHeaders).get('content-type')
    const stream = answer.bodiless ? null : streamOf(answer)
    return new Response(stream, type === null ? {} : { headers: { 'content-type': type } })
  }
}

class Whole implements Sink {
  readonly #answer: LeanAnswer
  readonly #resolve: () => void
  readonly fail: (error: unknown) => void

  constructor(answer: LeanAnswer, resolve: () => void, reject: (error: unknown) => void) {
    this.#answer = answer
    this.#resolve = resolve
    this.fail = reject
  }

  wake(): void {
    if (this.#answer.complete) this.#resolve()
  }
}

/** What a body that was read is afterwards: locked, and all that is asked of it is refused in fetch's own words. */
function spent(): Response {
  const real = new Response(
    new ReadableStream({ type: 'bytes', start: (controller) => controller.close() }) as never,
  )
  void real.text()
  return real
}
