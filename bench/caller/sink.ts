import type { Dispatcher } from 'undici'
import { ANSWER_BYTES } from '../messages.ts'
import type { Done } from './drive.ts'

/** A handler that does what every consumer must and nothing more: counts the bytes and knows the end. */
export class Sink implements Dispatcher.DispatchHandler {
  #bytes = 0
  #status = 0
  readonly #done: Done
  constructor(done: Done) {
    this.#done = done
  }
  onRequestStart(): void {}
  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
  }
  onResponseEnd(): void {
    this.#done(judge(this.#status, this.#bytes))
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#done(error)
  }
}

/** What is wrong with an answer. */
export function judge(status: number, bytes: number): Error | undefined {
  if (status === 200 && bytes === ANSWER_BYTES) return undefined
  return new Error(`status ${status}, ${bytes} bytes`)
}
