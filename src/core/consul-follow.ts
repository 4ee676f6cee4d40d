import type { ConsulAnswer, ConsulLink, ConsulRequest } from './consul.ts'
import { isMeshError, MeshError } from './errors.ts'
import { type Following, follow } from './follow.ts'
import type { PlaneAnswer } from './plane.ts'
import type { Clock, Random } from './ports.ts'

/** Below the 60 s within which a process must notice that its cluster was made anew with lower indexes (FAULTS 23). */
const WAIT_MS = 55_000

export interface ConsulFollowOptions {
  readonly link: Pick<ConsulLink, 'send' | 'onReachable'>
  /** How a question is put, where one request does not answer it; default `link.send`. */
  readonly send?: ConsulLink['send'] | undefined
  readonly clock: Clock
  readonly random: Random
  /** What is asked next, without index and wait; another path or query begins from the start. */
  readonly request: () => ConsulRequest
  /** An answer whose bytes are other ones than before. Where it throws, the answer is taken for an error. */
  readonly onAnswer: (answer: ConsulAnswer) => void
  /** The agent is there, and says what it said. Must not throw. */
  readonly onUnchanged?: ((answer: ConsulAnswer) => void) | undefined
  /** Must not throw. Asking goes on by itself. */
  readonly onError: (error: unknown) => void
  /** How long a query may block, in milliseconds; default 55,000. */
  readonly waitMs?: number | undefined
}

/**
 * Blocking queries, exactly one outstanding (api-docs/features/blocking.mdx): the index goes back to 0 where it goes
 * backwards, where there is none, and after an error, and is never taken from what is no 200; a return is no proof of
 * change, so bytes are compared. Rate, back-off and what hangs are `follow`'s.
 */
export function followConsul(options: ConsulFollowOptions): Following {
  const { link, clock, random, onAnswer, onUnchanged, onError, waitMs = WAIT_MS } = options
  const ask = options.send ?? ((request, signal) => link.send(request, signal))
  let asked = ''
  let index = 0
  let digest: string | undefined
  let latest: ConsulAnswer | undefined
  let wanted: ConsulRequest

  const restart = (): void => {
    index = 0
    digest = undefined
  }

  const send = async (poll: { readonly waitMs?: number | undefined }, signal?: AbortSignal) => {
    const blocking = index > 0
    // Without an index it is answered at once; the wait says that nobody waits for it.
    const request = { ...wanted, waitMs: poll.waitMs ?? 0, ...(blocking ? { index } : {}) }
    const question = asked
    const answer = await ask(request, signal)
    // Broken off in the meantime: `follow` does not look at it, and what is known now belongs to another question.
    if (question !== asked || signal?.aborted === true) return { status: 304, etag: undefined, body: answer }
    index = answer.index === undefined || answer.index < index ? 0 : answer.index
    latest = answer
    const status = answer.digest === digest ? 304 : 200
    return { status, etag: answer.digest, body: answer } satisfies PlaneAnswer
  }

  return follow({
    link: { send, ...(link.onReachable && { onReachable: link.onReachable.bind(link) }) },
    clock,
    random,
    request: () => {
      wanted = options.request()
      const question = JSON.stringify([wanted.path, wanted.query])
      if (question !== asked) restart()
      asked = question
      return { method: 'GET', path: wanted.path, etag: digest, waitMs, auth: 'none' }
    },
    onAnswer: ({ body }) => {
      const answer = body as ConsulAnswer
      try {
        onAnswer(answer)
      } catch (error) {
        restart()
        throw error
      }
      digest = answer.digest
    },
    onUnchanged: () => {
      if (latest !== undefined) onUnchanged?.(latest)
    },
    onError: (error) => {
      index = 0
      onError(named(error))
    },
  })
}

/** `follow` speaks of planes where it gives up what hangs. */
function named(error: unknown): unknown {
  if (!isMeshError(error) || error.code !== 'TULLE_PLANE') return error
  return new MeshError('TULLE_CONSUL', `the Consul agent gave ${error.message}`, {
    layer: 'consul',
    cause: error,
  })
}
