import { readFile } from 'node:fs/promises'
import { Pool } from 'undici'
import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { type AgentAddress, type ConsulAgentOptions, openAgent, readAgentAddress } from './consul-agent.ts'
import { isHtml, readAbsent, readBody, readWords } from './consul-answer.ts'
import { nonsense, refused } from './consul-words.ts'

export interface ConsulLinkOptions extends ConsulAgentOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How long an answer may take beyond what it was asked to wait, in milliseconds. */
const SLACK_MS = 5000
/** How long one that was not asked to wait may take, in milliseconds. */
const ANSWER_MS = 10_000

/** The way to the agent over HTTP, HTTPS or a socket in the file system. */
export class HttpConsulLink implements ConsulLink {
  readonly address: string
  readonly #options: ConsulLinkOptions
  readonly #agent: AgentAddress
  readonly #pool: Pool
  #closed = false

  /** Throws TULLE_CONFIG for an address that is none. */
  constructor(options: ConsulLinkOptions) {
    this.#options = options
    this.#agent = readAgentAddress(options.address, options.ssl)
    this.address = this.#agent.text
    this.#pool = new Pool(this.#agent.origin, {
      // Every request has its own limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_options, callback) => {
        openAgent(this.#agent, this.#options).then(
          (socket) => {
            // undici holds the process while a request is in flight; a blocking query always is.
            socket.unref()
            socket.ref = () => socket
            callback(null, socket)
          },
          (error: Error) => callback(error, null),
        )
      },
    })
  }

  async send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the link to Consul is closed', { layer: 'consul' })
    const { waitMs } = request
    const limitMs = waitMs === undefined ? ANSWER_MS : waitMs + waitMs / 16 + SLACK_MS
    const own = new AbortController()
    const stop = (): void => own.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    const disarm = this.#options.clock.background(limitMs, () =>
      own.abort(this.#unreachable(`no answer to ${request.path} within ${Math.round(limitMs / 1000)} s`)),
    )
    try {
      return await this.#exchange(request, own.signal)
    } catch (error) {
      if (isMeshError(error)) throw error
      if (own.signal.aborted) throw own.signal.reason
      throw this.#unreachable((error as Error).message, error)
    } finally {
      disarm()
      signal?.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pool.destroy()
  }

  async #exchange(request: ConsulRequest, signal: AbortSignal): Promise<ConsulAnswer> {
    const { method, body } = request
    const bytes = body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body)
    const {
      statusCode,
      headers,
      body: content,
    } = await this.#pool.request({
      method,
      path: this.#pathOf(request),
      headers: await this.#headers(),
      body: bytes ?? null,
      signal,
    })
    const where = `${this.address} (${method} ${request.path})`
    if (statusCode === 200 || (statusCode === 404 && request.mayBeAbsent === true)) {
      const read =
        statusCode === 404 ? await readAbsent(where, content) : await readBody(where, content, request)
      return { status: statusCode, ...read, ...factsOf(headers) }
    }
    const words = await readWords(content)
    if (isHtml(words)) throw nonsense(where, `${statusCode} with HTML`)
    throw refused(where, request, statusCode, words)
  }

  #pathOf({ path, query, index, waitMs, method, consistency }: ConsulRequest): string {
    const { namespace, partition } = this.#options
    const all = {
      ns: namespace,
      partition,
      ...query,
      ...(index === undefined ? {} : { index: String(index), wait: `${waitMs ?? 0}ms` }),
      ...(method === 'GET' && consistency !== 'default' ? { stale: '' } : {}),
    }
    const parts = Object.entries(all).flatMap(([key, value]) =>
      value === undefined ? [] : [value === '' ? key : `${key}=${encodeURIComponent(value)}`],
    )
    return parts.length === 0 ? path : `${path}?${parts.join('&')}`
  }

  async #headers(): Promise<Record<string, string>> {
    const { token, tokenFile, auth } = this.#options
    const read = tokenFile === undefined ? token : (await readFile(tokenFile, 'utf8')).trim()
    return {
      ...(read ? { 'x-consul-token': read } : {}),
      ...(auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {}),
    }
  }

  #unreachable(why: string, cause?: unknown): MeshError {
    return new MeshError('TULLE_CONSUL', `no Consul agent at ${this.address}: ${why}`, {
      layer: 'consul',
      cause,
    })
  }
}

function factsOf(headers: Readonly<Record<string, string | string[] | undefined>>) {
  const index = Number(headers['x-consul-index'])
  const leader = headers['x-consul-knownleader']
  return {
    index: Number.isSafeInteger(index) && index > 0 ? index : undefined,
    filtered: headers['x-consul-results-filtered-by-acls'] === 'true',
    knownLeader: typeof leader === 'string' ? leader === 'true' : undefined,
  }
}
