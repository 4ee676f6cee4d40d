import type { Dispatcher } from 'undici'
import { LeanAnswer } from './lean-answer.ts'
import type { LeanRequest } from './lean-request.ts'
import { responseOf } from './lean-response.ts'

/**
 * Sends a lean request and resolves at the head of its answer. What follows the head runs in the caller's async
 * context: the callbacks of a connection run in that of whoever opened it.
 *
 * @param handOver for an answer the built-in fetch is to go on with
 */
export function leanFetch(
  request: LeanRequest,
  dispatcher: Pick<Dispatcher, 'dispatch'>,
  handOver: (answer: LeanAnswer) => Promise<Response>,
): Promise<Response> {
  const { signal } = request
  if (signal?.aborted === true) return Promise.reject(signal.reason)
  const answer = new LeanAnswer(request)
  try {
    dispatcher.dispatch(
      request as unknown as Dispatcher.DispatchOptions,
      answer as unknown as Dispatcher.DispatchHandler,
    )
  } catch (error) {
    answer.onError(error)
  }
  return answer.head.then(() => {
    if (answer.aborted) throw signal?.reason
    return answer.exceptional ? handOver(answer) : responseOf(answer)
  })
}
