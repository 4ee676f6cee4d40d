import { type PlaneAnswer, type PlaneLink, PlaneRefusal, type PlaneRequest } from '../../src/core/plane.ts'

export interface Sent {
  readonly request: PlaneRequest
  readonly signal: AbortSignal | undefined
  /** Not answered and not broken off. */
  readonly open: boolean
  answer(body: unknown, etag?: string): Promise<void>
  unchanged(): Promise<void>
  fail(error?: unknown): Promise<void>
  refuse(status: number): Promise<void>
}

/** A plane whose every answer the test gives by hand; each answer lets what follows from it happen. */
export class FakeLink implements PlaneLink {
  readonly urls = ['https://plane.test:7400']
  readonly sent: Sent[] = []

  send(request: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer> {
    return new Promise((resolve, reject) => {
      const state = { open: true }
      const end = async (fn: () => void): Promise<void> => {
        state.open = false
        fn()
        await settled()
      }
      signal?.addEventListener('abort', () => void end(() => reject(signal.reason)))
      this.sent.push({
        request,
        signal,
        get open() {
          return state.open
        },
        answer: (body, etag) => end(() => resolve({ status: 200, etag, body })),
        unchanged: () => end(() => resolve({ status: 304, etag: undefined, body: undefined })),
        fail: (error = new Error('the plane is down')) => end(() => reject(error)),
        refuse: (status) => end(() => reject(new PlaneRefusal(status, undefined, `refused: ${status}`))),
      })
    })
  }

  /** The newest of what was sent and begins so, such as `GET /v1/policy`. */
  last(start = ''): Sent {
    const found = this.all(start).at(-1)
    if (found === undefined) throw new Error(`nothing was sent that begins with ${JSON.stringify(start)}`)
    return found
  }

  all(start = ''): readonly Sent[] {
    return this.sent.filter(({ request }) => `${request.method} ${request.path}`.startsWith(start))
  }

  readonly waiting = new Set<() => void>()

  onReachable(listener: () => void): () => void {
    this.waiting.add(listener)
    return () => this.waiting.delete(listener)
  }

  /** The plane can be reached again. */
  async back(): Promise<void> {
    for (const listener of [...this.waiting]) listener()
    await settled()
  }

  async close(): Promise<void> {}
}

/** Lets promises settle. */
export async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}
