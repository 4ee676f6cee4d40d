import { createHash } from 'node:crypto'
import {
  type ConsulAnswer,
  type ConsulLink,
  ConsulRefusal,
  type ConsulRequest,
} from '../../src/core/consul.ts'
import { MeshError } from '../../src/core/errors.ts'
import { settled } from './fake-link.ts'

export interface Asked {
  readonly request: ConsulRequest
  readonly open: boolean
  /** @param facts What the headers say besides. */
  answer(body: unknown, index?: number, facts?: Partial<ConsulAnswer>): Promise<void>
  absent(): Promise<void>
  refuse(status: number, words?: string): Promise<void>
  fail(): Promise<void>
}

/** A Consul agent whose every answer the test gives by hand; each lets what follows from it happen. */
export class ConsulScript implements ConsulLink {
  readonly address = 'http://127.0.0.1:8500'
  readonly asked: Asked[] = []
  #index = 1

  send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    return new Promise((resolve, reject) => {
      let open = true
      const end = async (fn: () => void): Promise<void> => {
        open = false
        fn()
        await settled()
      }
      const facts = { filtered: false, knownLeader: true }
      signal?.addEventListener('abort', () => void end(() => reject(signal.reason)))
      this.asked.push({
        request,
        get open() {
          return open
        },
        answer: (body, index = ++this.#index, more = {}) =>
          end(() => resolve({ status: 200, index, digest: digestOf(body), body, ...facts, ...more })),
        absent: () =>
          end(() =>
            resolve({ status: 404, index: ++this.#index, digest: 'absent', body: undefined, ...facts }),
          ),
        refuse: (status, words = 'Permission denied') =>
          end(() => reject(new ConsulRefusal(status, words, `the agent refused with ${status}: ${words}`))),
        fail: () => end(() => reject(new MeshError('TULLE_CONSUL', `no Consul agent at ${this.address}`))),
      })
    })
  }

  /** The newest of what was asked, of paths that begin so. */
  last(start = ''): Asked {
    const found = this.all(start).at(-1)
    if (found === undefined) throw new Error(`nothing was asked below ${start}`)
    return found
  }

  all(start = ''): readonly Asked[] {
    return this.asked.filter(({ request }) => request.path.startsWith(start))
  }

  async close(): Promise<void> {}
}

function digestOf(body: unknown): string {
  return createHash('sha1')
    .update(body instanceof Uint8Array ? body : JSON.stringify(body))
    .digest('hex')
}
