import { readFileSync } from 'node:fs'
import { Agent as Dispatcher, request } from 'undici'
import type { TlsFiles } from './agent-config.ts'

export interface ApiOptions {
  /** Default the agent's own, which may do everything; `null`: none. */
  readonly token?: string | null
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** Milliseconds until it is given up; default never, as blocking queries answer when they please. */
  readonly withinMs?: number
}

export interface ApiAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The parsed body; undefined where it is no JSON. */
  readonly json: any
}

export type ApiMethod = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** An agent's HTTP API, for tests to arrange things and to look at them. */
export class Api {
  readonly #origin: string
  readonly #token: string | undefined
  readonly #dispatcher: Dispatcher

  constructor(
    address: string,
    token: string | undefined,
    tls: TlsFiles | undefined,
    socketPath: string | undefined,
  ) {
    this.#origin = socketPath === undefined ? address : 'http://localhost'
    this.#token = token
    this.#dispatcher = new Dispatcher({
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        ...(socketPath === undefined ? {} : { socketPath }),
        ...(tls === undefined
          ? {}
          : {
              ca: readFileSync(tls.caFile, 'utf8'),
              cert: readFileSync(tls.certFile, 'utf8'),
              key: readFileSync(tls.keyFile, 'utf8'),
            }),
      },
    })
  }

  /** @param body Strings and buffers as they are, anything else as JSON. @throws What connecting threw. */
  async call(
    method: ApiMethod,
    path: string,
    body?: unknown,
    { token = this.#token ?? null, query = {}, withinMs }: ApiOptions = {},
  ): Promise<ApiAnswer> {
    const url = new URL(path, this.#origin)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
    const raw = typeof body === 'string' || Buffer.isBuffer(body)
    const answer = await request(url, {
      method,
      dispatcher: this.#dispatcher,
      headers: token === null ? {} : { 'x-consul-token': token },
      signal: withinMs === undefined ? null : AbortSignal.timeout(withinMs),
      body: body === undefined ? null : raw ? body : JSON.stringify(body),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, headers: answer.headers, text, json: parsed(text) }
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
