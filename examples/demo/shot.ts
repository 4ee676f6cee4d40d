import { type Dispatcher, request } from 'undici'
import type { Answer, Kind } from './figures.ts'

/** What web answers: what orders said, or the code of the error it met. */
interface Body {
  readonly by?: string
  readonly from?: string
  readonly without?: string
  readonly error?: string
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
    const { by, from, without, error } = body
    return { kind, ms: ms(), status: response.statusCode, by, from, without, problem: error }
  } catch (error) {
    const nobody = { by: undefined, from: undefined, without: undefined }
    return { kind, ms: ms(), status: 0, ...nobody, problem: String(error) }
  }
}
