import { createHash } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Identity } from '../core/identity.ts'
import { type PlaneAnswer, type PlaneLink, PlaneRefusal, type PlaneRequest } from '../core/plane.ts'
import { readToken, type TokenContent } from '../core/plane-wire.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { ClockSkew } from './clock-skew.ts'
import { type RawAnswer, readAnswer } from './plane-answer.ts'
import { PlanePools } from './plane-pools.ts'
import { accepts } from './plane-probe.ts'
import { fetchPinnedRoot, trusting, type VerifyPlane } from './plane-tls.ts'
import { unreachable } from './plane-words.ts'
import { Reachable } from './reachable.ts'

/** How long an answer may take beyond what it was asked to wait. */
const ANSWER_MS = 4000

export interface PlaneLinkOptions {
  /** Origins, `https://plane.internal:7400`; at least one. */
  readonly urls: readonly string[]
  /** A join or an admin token. */
  readonly token?: string | undefined
  /** The roots of our trust domain, PEM, as configured or kept; undefined: none yet, then the token's pin is used. */
  readonly roots: () => readonly string[] | undefined
  /** Undefined: the token's. */
  readonly trustDomain: () => string | undefined
  readonly identity?: Pick<Identity, 'current' | 'refusal' | 'onChange'> | undefined
  readonly verifyPlane: VerifyPlane
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
}

/** How a request is to be sent: with whose trust, and as whom. */
interface Credentials {
  readonly kind: 'identity' | 'anonymous'
  readonly version: string
  readonly context: () => SecureContext
  readonly trustDomain: string
}

/**
 * The way to the planes over HTTPS. It stays with the one that answers, beginning with any of them, and goes on to the
 * next when that one fails. What may have been executed is sent to another one only where it is a GET.
 *
 * Nobody is spoken to who has not proved to be a plane of our trust domain: by the roots we have, or, where there are
 * none yet, by the root whose hash the token carries.
 */
export class HttpsPlaneLink implements PlaneLink {
  readonly urls: readonly string[]
  readonly #options: PlaneLinkOptions
  readonly #origins: readonly URL[]
  readonly #content: TokenContent | undefined
  readonly #pools = new PlanePools()
  readonly #skew: ClockSkew
  readonly #reachable: Reachable
  /** While our own certificate is refused. */
  #unlisten: (() => void) | undefined
  #at: number
  /** The root that the token pins, once a plane has shown it. */
  #pinned: string | undefined
  #closed = false

  /** Throws TULLE_CONFIG for a URL or a token that is none. */
  constructor(options: PlaneLinkOptions) {
    this.#options = options
    this.#origins = options.urls.map(originOf)
    this.urls = this.#origins.map(({ origin }) => origin)
    if (this.urls.length === 0) throw config('no URL of a plane was given')
    this.#content = options.token === undefined ? undefined : readToken(options.token)
    if (options.token !== undefined && this.#content === undefined)
      throw config('the token is not one: tulle_join_… or tulle_admin_… was expected, whole and unchanged')
    this.#at = Math.floor(options.random() * this.urls.length)
    this.#skew = new ClockSkew(options.wall, options.log)
    const { clock, random } = options
    const probe = async () =>
      (await Promise.all(this.#origins.map((url) => accepts(url, clock)))).includes(true)
    this.#reachable = new Reachable({ probe, clock, random })
  }

  /** Our clock against the plane's, in milliseconds, positive where ours is ahead; undefined: no answer yet. */
  get skewMs(): number | undefined {
    return this.#skew.ms
  }

  onReachable(listener: () => void): () => void {
    return this.#reachable.onReachable(listener)
  }

  async send(request: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer> {
    let last: unknown
    let reached = false
    for (let tried = 0; tried < this.#origins.length; tried++) {
      signal?.throwIfAborted()
      if (this.#closed)
        throw new MeshError('TULLE_CLOSED', 'the way to the plane is closed', { layer: 'plane' })
      const at = this.#at
      const url = this.#origins[at] as URL
      const attempt = { sent: false }
      try {
        const answer = await this.#sendTo(url, request, attempt, signal)
        this.#reachable.found()
        return answer
      } catch (error) {
        last = error
        reached ||= attempt.sent
        if (error instanceof PlaneRefusal) this.#reachable.found()
        const here = error instanceof PlaneRefusal || (isMeshError(error) && error.code !== 'TULLE_PLANE')
        if (here || signal?.aborted) throw error
        if (this.#at === at) this.#at = (at + 1) % this.#origins.length
        if (attempt.sent && request.method !== 'GET') throw error
      }
    }
    if (!reached && !this.#closed) this.#reachable.lost()
    throw last
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unlisten?.()
    this.#reachable.close()
    await this.#pools.close()
  }

  async #sendTo(
    url: URL,
    request: PlaneRequest,
    attempt: { sent: boolean },
    signal: AbortSignal | undefined,
  ): Promise<PlaneAnswer> {
    const { clock, verifyPlane } = this.#options
    const { kind, version, context, trustDomain } = await this.#credentials(url, request.auth)
    const door = () => ({ url, context: context(), trustDomain, verifyPlane, clock })
    // Who polls waits for nobody in particular; who writes is waited for, by the process too.
    const polls = request.method === 'GET' && request.waitMs !== undefined
    const pool = this.#pools.take(url, kind, version, polls, door)
    const waitMs = request.waitMs ?? 0
    const limitMs = waitMs + waitMs / 16 + ANSWER_MS
    const late = new AbortController()
    const disarm = clock.background(limitMs, () =>
      late.abort(unreachable(url, new Error(`no whole answer to ${request.path} within ${limitMs} ms`))),
    )
    try {
      const raw = await pool.request({
        method: request.method,
        path: request.path,
        headers: this.#headers(request),
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
      })
      this.#skew.note(raw.headers.date)
      return await readAnswer(url, raw as RawAnswer)
    } catch (error) {
      attempt.sent = !(isMeshError(error) && error.phase === 'connect')
      throw signal?.aborted ? signal.reason : unreachable(url, error)
    } finally {
      disarm()
    }
  }

  #headers(request: PlaneRequest): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (request.body !== undefined) headers['content-type'] = 'application/json'
    if (request.etag !== undefined) headers['if-none-match'] = request.etag
    if (request.waitMs !== undefined) headers.prefer = `wait=${Math.ceil(request.waitMs / 1000)}`
    if (request.auth === 'token') headers.authorization = `Bearer ${this.#options.token}`
    return headers
  }

  async #credentials(url: URL, auth: PlaneRequest['auth']): Promise<Credentials> {
    const { identity, token, clock } = this.#options
    const trustDomain = this.#options.trustDomain() ?? this.#content?.trustDomain
    if (trustDomain === undefined)
      throw config('the trust domain of the plane is not known: neither a token nor a trust bundle names it')
    if (auth === 'identity') {
      const refusal = identity?.refusal()
      const current = identity?.current
      if (refusal !== undefined) {
        this.#tellWhenIdentified()
        throw refusal
      }
      if (current === undefined)
        throw new MeshError('TULLE_IDENTITY', 'there is no certificate to show to the plane', {
          layer: 'plane',
        })
      const context = () => current.context as SecureContext
      return { kind: 'identity', version: `${current.generation}`, context, trustDomain }
    }
    if (auth === 'token' && token === undefined)
      throw config('the plane asks for a token, and none was given: set TULLE_JOIN_TOKEN')
    const roots = this.#options.roots()
    if (roots === undefined) this.#pinned ??= await this.#pin(url, clock)
    const trusted = roots ?? [this.#pinned as string]
    const version = createHash('sha256').update(trusted.join('\n')).digest('base64')
    return { kind: 'anonymous', version, context: () => trusting(trusted), trustDomain }
  }

  /** Whoever was refused because of our own certificate is backing off, and need not when there is another. */
  #tellWhenIdentified(): void {
    const { identity } = this.#options
    this.#unlisten ??= identity?.onChange(() => {
      if (identity.refusal() !== undefined) return
      this.#unlisten?.()
      this.#unlisten = undefined
      this.#reachable.tell()
    })
  }

  #pin(url: URL, clock: Clock): Promise<string> {
    if (this.#content === undefined)
      throw config(
        'nothing tells a true plane from a false one: neither a token nor a trust bundle was given',
      )
    return fetchPinnedRoot(url, this.#content.rootSha256, clock)
  }
}

function originOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const bare = url !== undefined && url.pathname === '/' && url.search === '' && url.username === ''
  if (url?.protocol !== 'https:' || !bare)
    throw config(`the URL of a plane is https://host:port and nothing more: ${JSON.stringify(text)}`)
  return url
}

function config(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'plane' })
}
