import { LeanAnswer } from '../../src/http/lean-answer.ts'
import { FetchDefaults } from '../../src/http/lean-defaults.ts'
import { type LeanRequest, leanRequest } from '../../src/http/lean-request.ts'

const defaults = new FetchDefaults(fetch)

/** What the lean fetch makes of a request; every origin is the mesh's. */
export function leanly(input: unknown, init?: unknown): LeanRequest | undefined {
  return leanRequest(input, init as RequestInit, defaults, () => true)
}

export const raw = (...headers: string[]): Buffer[] => headers.map((one) => Buffer.from(one, 'latin1'))

/** An answer whose transport is the test. */
export class ScriptedAnswer {
  readonly answer: LeanAnswer
  aborted: unknown[] = []
  resumed = 0

  constructor(init?: RequestInit, url = 'http://orders.mesh/') {
    this.answer = new LeanAnswer(leanly(url, init) as LeanRequest)
    this.answer.onConnect((reason) => this.aborted.push(reason))
  }

  /** False: the peer is to wait. */
  head(status = 200, ...headers: string[]): boolean {
    return this.answer.onHeaders(status, raw(...headers), () => this.resumed++, 'OK')
  }

  data(text: string): boolean {
    return this.answer.onData(Buffer.from(text))
  }

  end(): void {
    this.answer.onComplete([])
  }
}
