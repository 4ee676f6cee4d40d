import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** How a scripted endpoint treats one request. Everything is optional; an empty one is a plain 200. */
export interface Answer {
  /** Default 200. */
  readonly status?: number | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Text, bytes, or anything else as JSON. */
  readonly body?: unknown
  /**
   * `reset`: the request is read whole, then the connection is reset: it may have been executed, nobody knows.
   * `reset-mid-body`: half of the body arrives first. `hang`: there is no answer until the endpoint closes.
   */
  readonly fault?: 'reset' | 'reset-mid-body' | 'hang' | undefined
}

/** What arrived, body included. */
export interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A real HTTP server on a free port of 127.0.0.1 that answers as it is told. */
export interface ScriptedEndpoint extends AsyncDisposable {
  /** `127.0.0.1:port`, as `createMesh({ endpoints })` takes it. */
  readonly address: string
  /** Everything that was received whole, oldest first. */
  readonly requests: readonly ReceivedRequest[]
  /** Replaces the script: each request takes the next answer, and the last one is repeated. */
  script(...answers: readonly [Answer, ...Answer[]]): void
  close(): Promise<void>
}

/**
 * Starts an endpoint.
 * @param answers taken in turn, the last one for ever; none: always 200
 */
export async function scriptedEndpoint(...answers: readonly Answer[]): Promise<ScriptedEndpoint> {
  const endpoint = new Scripted(answers)
  await endpoint.listening()
  return endpoint
}

class Scripted implements ScriptedEndpoint {
  readonly requests: ReceivedRequest[] = []
  readonly #server: Server
  #answers: readonly Answer[]
  #next = 0

  constructor(answers: readonly Answer[]) {
    this.#answers = answers
    this.#server = createServer((req, res) => {
      receive(req).then(
        (request) => {
          this.requests.push(request)
          play(this.#take(), res)
        },
        // The caller went away in the middle of its request: there is nothing to answer.
        () => res.destroy(),
      )
    })
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  script(...answers: readonly [Answer, ...Answer[]]): void {
    this.#answers = answers
    this.#next = 0
  }

  async listening(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #take(): Answer {
    const answer = this.#answers[Math.min(this.#next, this.#answers.length - 1)] ?? {}
    this.#next++
    return answer
  }
}

async function receive(req: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return {
    method: req.method ?? '',
    url: req.url ?? '',
    headers: req.headers,
    body: Buffer.concat(chunks).toString(),
  }
}

function play({ status = 200, headers = {}, body, fault }: Answer, res: ServerResponse): void {
  if (fault === 'hang') return
  if (fault === 'reset') {
    res.socket?.resetAndDestroy()
    return
  }
  const bytes = encoded(body)
  const json =
    typeof body === 'string' || Buffer.isBuffer(body) || body === undefined
      ? {}
      : { 'content-type': 'application/json' }
  res.writeHead(status, { ...json, 'content-length': bytes.length, ...headers })
  if (fault === 'reset-mid-body')
    res.write(bytes.subarray(0, bytes.length / 2), () => res.socket?.resetAndDestroy())
  else res.end(bytes)
}

function encoded(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as string)
  return Buffer.from(JSON.stringify(body))
}
