import type { Dispatcher } from 'undici'
import { copyHeaders, type FlatHeaders } from './headers.ts'
import { LeanHeaders } from './lean-headers.ts'

type BuiltIn = typeof globalThis.fetch

/**
 * The headers that the runtime's own fetch adds to a request. They differ between versions of Node.js, so nothing is
 * assumed: it is asked for one request of each scheme, over a dispatcher that writes down what it is given and sends
 * nothing. Until it has answered, and for good where the answer is not understood, there is no lean fetch.
 */
export class FetchDefaults {
  #http: LeanHeaders | undefined
  #https: LeanHeaders | undefined
  #asked = false
  readonly #builtIn: BuiltIn

  constructor(builtIn: BuiltIn) {
    this.#builtIn = builtIn
  }

  /** For `http:` or `https:`. The first call asks; built-in fetch dispatches in the same tick. */
  of(protocol: string): LeanHeaders | undefined {
    if (!this.#asked) this.#ask()
    return protocol === 'http:' ? this.#http : this.#https
  }

  #ask(): void {
    this.#asked = true
    this.#probe('http://fetch.invalid/', (headers) => (this.#http = headers))
    this.#probe('https://fetch.invalid/', (headers) => (this.#https = headers))
  }

  #probe(url: string, learned: (headers: LeanHeaders | undefined) => void): void {
    const dispatcher = new Probe((flat) => learned(LeanHeaders.learn(flat)))
    void this.#call(url, { method: 'POST', body: 'x', dispatcher } as unknown as RequestInit)
  }

  /** Whatever becomes of it, and whatever stands in the place of the built-in fetch: it teaches nothing then. */
  async #call(url: string, init: RequestInit): Promise<void> {
    try {
      await this.#builtIn(url, init)
    } catch {
      // Nothing was to be sent.
    }
  }
}

class Probe {
  readonly #seen: (flat: FlatHeaders) => void

  constructor(seen: (flat: FlatHeaders) => void) {
    this.#seen = seen
  }

  dispatch(options: Dispatcher.DispatchOptions): never {
    const { flat } = copyHeaders(options.headers)
    if (options.method === 'POST') this.#seen(flat)
    throw new Error('nothing is sent')
  }
}
