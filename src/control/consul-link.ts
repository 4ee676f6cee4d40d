import type { Dispatcher } from 'undici'
import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import {
  type AgentAddress,
  type ConsulAgentOptions,
  checkAgentOptions,
  readAgentAddress,
} from './consul-agent.ts'
import { isHtml, readAbsent, readBody, readWords } from './consul-answer.ts'
import { ConsulCredentials } from './consul-credentials.ts'
import { Flight } from './consul-flight.ts'
import { ConsulPools, LANES, type Lane } from './consul-pools.ts'
import { factsOf, headersOf, pathOf, waitOf } from './consul-request.ts'
import { late, lostLeader, masked, nonsense, oneLine, refused, unreachable } from './consul-words.ts'
import { Reachable } from './reachable.ts'

export interface ConsulLinkOptions extends ConsulAgentOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How long an answer may take beyond what it was asked to wait, in milliseconds; less than whoever follows allows. */
const SLACK_MS = 4000
/** How long one that was not asked to wait may take, in milliseconds. */
const ANSWER_MS = 10_000
const PROBE_MS = 1000
/** How often what finds no connection to wait on is asked instead, in milliseconds. */
const CROWDED_MS = 5000

/** The way to the agent over HTTP, HTTPS or a socket in the file system. */
export class HttpConsulLink implements ConsulLink {
  readonly address: string
  readonly #options: ConsulLinkOptions
  readonly #agent: AgentAddress
  readonly #pools: ConsulPools
  readonly #credentials: ConsulCredentials
  readonly #reachable: Reachable
  /** On their way; those that wait at the agent apart. */
  readonly #flights = new Set<Flight>()
  readonly #watches = new Set<Flight>()
  #crowded = false
  #leaderless = false
  #closed = false

  /** Throws TULLE_CONFIG for an address that is none, and for options that contradict each other. */
  constructor(options: ConsulLinkOptions) {
    const { clock, random, log, sslVerify = true, tlsServerName } = options
    checkAgentOptions(options)
    this.#options = options
    this.#agent = readAgentAddress(options.address, options.ssl)
    this.address = this.#agent.text
    const { secure } = this.#agent
    this.#pools = new ConsulPools({ agent: this.#agent, verify: sslVerify, serverName: tlsServerName, clock })
    this.#credentials = new ConsulCredentials({
      agent: options,
      secure,
      clock,
      log,
      onChange: () => this.#renewed(),
    })
    this.#reachable = new Reachable({ probe: () => this.#isWell(), clock, random })
  }

  onReachable(listener: () => void): () => void {
    return this.#reachable.onReachable(listener)
  }

  async send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    if (this.#closed) throw closed()
    const { clock } = this.#options
    const waitMs = waitOf(request)
    const endMs = clock.now() + waitMs
    const limitMs = waitMs === 0 ? ANSWER_MS : waitMs + waitMs / 16 + SLACK_MS
    const flight = new Flight(clock, limitMs, () => this.#late(request, limitMs), signal)
    const waits = waitMs > 0 && !this.#isCrowded()
    this.#flights.add(flight)
    if (waits) this.#watches.add(flight)
    try {
      if (waitMs > 0 && !waits) await flight.pause(clock, Math.min(waitMs, CROWDED_MS))
      for (;;) {
        try {
          // What is sent once more has less time left.
          const leftMs = waits ? Math.max(1, Math.ceil(endMs - clock.now())) : 0
          const answer = await this.#exchange(request, leftMs, flight)
          this.#well(answer)
          return answer
        } catch (error) {
          if (!flight.next()) throw this.#failed(error, flight)
        }
      }
    } finally {
      this.#flights.delete(flight)
      this.#watches.delete(flight)
      flight.done()
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#credentials.close()
    this.#reachable.close()
    for (const flight of [...this.#flights]) flight.end(closed())
    await this.#pools.close()
  }

  async #exchange(request: ConsulRequest, waitMs: number, flight: Flight): Promise<ConsulAnswer> {
    const lane: Lane = waitMs > 0 ? 'watch' : request.waitMs === undefined ? 'ask' : 'look'
    const [token, context] = await this.#show(flight)
    if (lane !== 'watch') return await this.#ask(request, token, 0, flight, this.#pools.lane(lane, context))
    const client = this.#pools.watch(context)
    let whole = false
    try {
      const answer = await this.#ask(request, token, waitMs, flight, client)
      whole = true
      return answer
    } finally {
      this.#pools.release(client, whole)
    }
  }

  async #ask(
    request: ConsulRequest,
    token: string | undefined,
    waitMs: number,
    flight: Flight,
    way: Dispatcher,
  ): Promise<ConsulAnswer> {
    const { statusCode, headers, body } = await this.#request(request, token, waitMs, flight, way)
    const where = this.#where(request)
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      body.on('error', () => {}).destroy()
      const coding = oneLine(masked(String(encoding), token, this.#options.auth), 50)
      throw nonsense(where, `with content-encoding ${coding}, which was not asked for`)
    }
    const facts = factsOf(headers)
    if (statusCode === 200) return { status: 200, ...(await readBody(where, body, request)), ...facts }
    if (statusCode === 404 && request.mayBeAbsent === true)
      return { status: 404, ...(await readAbsent(where, body)), ...facts }
    const words = await readWords(body, (text) => masked(text, token, this.#options.auth))
    if (isHtml(words)) throw nonsense(where, `${statusCode} with HTML`)
    if (statusCode === 403) void this.#credentials.look()
    if (lostLeader(statusCode, words)) this.#lost('leader')
    throw refused(where, request, statusCode, words)
  }

  /** What is shown to the agent, and how it is trusted. */
  async #show(flight: Flight) {
    const shown = await Promise.all([this.#credentials.token(), this.#credentials.context()])
    // Ended in the meantime: the link may be closed, and nothing is to be opened any more.
    flight.signal.throwIfAborted()
    return shown
  }

  #request(
    request: ConsulRequest,
    token: string | undefined,
    waitMs: number,
    flight: Flight,
    way: Dispatcher,
  ) {
    const { body } = request
    return way.request({
      method: request.method,
      path: pathOf(request, this.#options, waitMs),
      headers: headersOf(request, token, this.#options.auth),
      body: body === undefined ? null : body instanceof Uint8Array ? body : JSON.stringify(body),
      signal: flight.signal,
    })
  }

  /** More watches than connections for them: the rest is asked again and again, and none of them fails. */
  #isCrowded(): boolean {
    if (this.#watches.size < LANES.watch) return false
    if (!this.#crowded)
      this.#options.log.warn(
        `${LANES.watch} blocking queries to the Consul agent at ${this.address} are open, and it allows 200 connections per client: what is watched beyond that is asked every ${CROWDED_MS / 1000} s instead`,
      )
    this.#crowded = true
    return true
  }

  #failed(error: unknown, { over }: Flight): unknown {
    if (over !== undefined) return over.reason
    if (isMeshError(error)) return error
    this.#lost('agent')
    return unreachable(this.address, error, this.#agent.secure && this.#options.certFile === undefined)
  }

  #late(request: ConsulRequest, limitMs: number): MeshError {
    this.#lost('agent')
    return late(this.#where(request), limitMs)
  }

  #lost(what: 'agent' | 'leader'): void {
    if (this.#closed) return
    if (what === 'leader') this.#leaderless = true
    this.#reachable.lost()
  }

  /** Stale answers are given without a leader too. */
  #well({ knownLeader }: ConsulAnswer): void {
    if (knownLeader === true) this.#leaderless = false
    if (!this.#leaderless) this.#reachable.found()
  }

  /** Blocking queries that were sent with what is no longer true are sent once more. */
  #renewed(): void {
    for (const flight of [...this.#watches]) flight.again()
    this.#reachable.tell()
  }

  /** Whether the agent has a leader to ask; nobody needs a token to know. */
  async #isWell(): Promise<boolean> {
    const request: ConsulRequest = { method: 'GET', path: '/v1/status/leader' }
    const flight = new Flight(this.#options.clock, PROBE_MS, () => new Error('late'), undefined)
    this.#flights.add(flight)
    try {
      const [, context] = await this.#show(flight)
      const way = this.#pools.lane('probe', context)
      const { statusCode, body } = await this.#request(request, undefined, 0, flight, way)
      const words = await readWords(body, (text) => text)
      const there = statusCode === 200 && /^"[^"]+"$/.test(words)
      if (there) this.#leaderless = false
      return there
    } catch {
      return false
    } finally {
      this.#flights.delete(flight)
      flight.done()
    }
  }

  #where({ method, path }: ConsulRequest): string {
    return `${this.address} (${method} ${path})`
  }
}

function closed(): MeshError {
  return new MeshError('TULLE_CLOSED', 'the link to Consul is closed', { layer: 'consul' })
}
