import { type Dispatcher, request } from 'undici'
import type { Answer, Kind } from './figures.ts'

/** What web answers: what orders said, or the code of the error it met. */
interface Body {
  readonly by?: string
  readonly from?: string
  readonly without?: string
  readonly pricedBy?: string
  readonly unpriced?: string
  readonly error?: string
}

const UNSAID = {
  by: undefined,
  from: undefined,
  without: undefined,
  pricedBy: undefined,
  unpriced: undefined,
}

/** One request to web, exactly once. Never throws: what went wrong is part of the answer. */
export async function send(dispatcher: Dispatcher, url: string, kind: Kind, id: string): Promise<Answer> {
  const started = performance.now()
  const ms = (): number => performance.now() - started
  try {
    const response = await request(
      kind === 'get' ? `${url}/items/${id}` : `${url}/orders`,
      kind === 'get'
        ? { dispatcher }
        : {
            dispatcher,
            method: 'POST',
            headers: {
              'content-type': 'application/json',
              ...(kind === 'keyed' && { 'idempotency-key': id }),
            },
            body: JSON.stringify({ id }),
          },
    )
    const body = (await response.body.json()) as Body
    const { error, ...said } = body
    return { kind, ms: ms(), status: response.statusCode, ...UNSAID, ...said, problem: error }
  } catch (error) {
    return { kind, ms: ms(), status: 0, ...UNSAID, problem: String(error) }
  }
}
