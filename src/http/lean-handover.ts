import type { Dispatcher } from 'undici'
import type { FlatHeaders } from './headers.ts'
import type { LeanAnswer } from './lean-answer.ts'
import { receiverOf } from './receiver.ts'

type BuiltIn = typeof globalThis.fetch
type Dispatches = Pick<Dispatcher, 'dispatch'>

/**
 * The built-in fetch goes on with an answer that the lean one has begun: it is given the same request over a dispatcher
 * that sends nothing the first time but tells of the answer that is there, from its head. So a redirect, a compressed
 * body or a 421 is treated by fetch's own code, and what was sent is not sent twice.
 *
 * @param next where its further requests go
 */
export async function handOver(answer: LeanAnswer, builtIn: BuiltIn, next: Dispatches): Promise<Response> {
  const { href, method, headers, ownHeaders, body, signal } = answer.request
  const dispatcher = new Continuation(answer, next)
  const init = { method, headers: pairsOf(headers.flat, ownHeaders), body, signal, dispatcher }
  try {
    return await builtIn(href, init as unknown as RequestInit)
  } finally {
    // It gave up before it asked, because of the signal: then nobody reads on.
    dispatcher.over()
  }
}

class Continuation {
  #answer: LeanAnswer | undefined
  readonly #next: Dispatches

  constructor(answer: LeanAnswer, next: Dispatches) {
    this.#answer = answer
    this.#next = next
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const answer = this.#answer
    if (answer === undefined) return this.#next.dispatch(options, handler)
    this.#answer = undefined
    answer.handOver(receiverOf(handler, { abort: (reason) => answer.cancel(reason) }, false))
    return true
  }

  over(): void {
    this.#answer?.cancel(new Error('nobody went on with it'))
    this.#answer = undefined
  }
}

function pairsOf(flat: FlatHeaders, count: number): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < count; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string])
  return pairs
}
