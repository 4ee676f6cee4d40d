import { z } from 'zod'
import { type BackoffParams, backoffMs } from '../../core/backoff.ts'
import { type ConsulLink, ConsulRefusal, type ConsulRequest } from '../../core/consul.ts'
import { isMeshError, MeshError } from '../../core/errors.ts'
import type { Clock, Random } from '../../core/ports.ts'
import { placeOf } from './place.ts'

/** What is under a key. */
export interface Entry {
  readonly bytes: Uint8Array
  readonly flags: number
  /** `ModifyIndex`: another one after each change. */
  readonly index: number
}

/** One operation of a transaction (api-docs/txn.mdx). */
export type Operation =
  /** Something is under the key. */
  | { readonly verb: 'get' | 'delete'; readonly key: string }
  /** It is as it was at that index. */
  | { readonly verb: 'check-index'; readonly key: string; readonly index: number }
  /** Written where it is as it was; 0: where there is nothing. */
  | {
      readonly verb: 'cas'
      readonly key: string
      readonly index: number
      readonly bytes: Uint8Array
      readonly flags: number
    }

/**
 * `done`; `refused`: something was not as it had to be, and nothing has changed; `unsure`: refused, but an attempt before
 * it had no answer, and what is there now may be its work.
 */
export type Committed = 'done' | 'refused' | 'unsure'

export interface ConsulKvOptions {
  readonly link: ConsulLink
  readonly prefix: string
  readonly clock: Clock
  readonly random: Random
}

/** An election takes about a second, and Consul itself holds a request that long. */
const WITHIN_MS = 10_000
const BACKOFF: BackoffParams = { base: 100, max: 2000 }

const entries = z.tuple([
  z.looseObject({ Value: z.base64().nullable(), Flags: z.number(), ModifyIndex: z.int().min(1) }),
])
const names = z.array(z.string())

/** Keys below a prefix of Consul's KV store. What it says is read strictly, what it refuses says what to do. */
export class ConsulKv {
  readonly place: string
  readonly #link: ConsulLink
  readonly #prefix: string
  readonly #clock: Clock
  readonly #random: Random

  constructor({ link, prefix, clock, random }: ConsulKvOptions) {
    this.place = placeOf(link.address, prefix)
    this.#link = link
    this.#prefix = `${prefix}/`
    this.#clock = clock
    this.#random = random
  }

  /** Undefined: there is nothing under this key, and we may see that. Asks the leader. */
  async get(key: string): Promise<Entry | undefined> {
    const { status, body } = await this.#send({ method: 'GET', path: this.path(key), mayBeAbsent: true })
    if (status === 404) return undefined
    const [{ Value, Flags, ModifyIndex }] = this.#read(entries, body)
    return { bytes: Buffer.from(Value ?? '', 'base64'), flags: Flags, index: ModifyIndex }
  }

  /** The keys below, sorted. Consul lists nothing to who may not read, so an empty list is asked about once more. */
  async keys(prefix: string): Promise<string[]> {
    const { status, body } = await this.#send({ ...this.listing(prefix), consistency: 'default' })
    const found = status === 404 ? [] : this.#read(names, body)
    if (found.length === 0) await this.get(`${prefix}x`)
    return found.map((name) => name.slice(this.#prefix.length)).sort()
  }

  /** Lists the names of keys; to be followed. */
  listing(prefix: string): ConsulRequest {
    return { method: 'GET', path: this.path(prefix), query: { keys: '' }, mayBeAbsent: true }
  }

  /** Unconditionally: for what nobody else writes, and with the same content whenever it is. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#persist({ method: 'PUT', path: this.path(key), body: bytes })
  }

  /** What is under the key, and under every one that begins with it. */
  async removeAll(prefix: string): Promise<void> {
    await this.#persist({ method: 'DELETE', path: this.path(prefix), query: { recurse: '' } })
  }

  /**
   * All of it or nothing, at one moment. Repeated while no answer comes: each operation stands on an index, so what was
   * done after all, or is still on its way, is not done twice.
   */
  async commit(operations: readonly Operation[]): Promise<Committed> {
    const body = operations.map((operation) => ({ KV: this.#wireOf(operation) }))
    let unanswered = false
    try {
      await this.#persist({ method: 'PUT', path: '/v1/txn', body }, () => {
        unanswered = true
      })
      return 'done'
    } catch (error) {
      const { cause } = error as { cause?: unknown }
      if (!(cause instanceof ConsulRefusal) || cause.status !== 409 || /denied/i.test(cause.words))
        throw error
      return unanswered ? 'unsure' : 'refused'
    }
  }

  /** Below the agent's origin; keys have no letter that needs to be escaped. */
  path(key: string): string {
    return `/v1/kv/${this.#prefix}${key}`
  }

  /** @param onUnanswered an attempt may have been done, or not */
  async #persist(request: ConsulRequest, onUnanswered = (): void => {}): Promise<void> {
    const until = this.#clock.now() + WITHIN_MS
    let unknown = false
    for (let failures = 1; ; failures++) {
      try {
        await this.#send(request)
        return
      } catch (error) {
        const { cause } = error as { cause?: unknown }
        const status = cause instanceof ConsulRefusal ? cause.status : undefined
        if (status !== undefined && status < 500 && status !== 429) throw error
        if (status !== 429 && !neverSent(cause)) {
          unknown = true
          onUnanswered()
        }
        const waitMs = backoffMs(failures, BACKOFF, this.#random)
        if (this.#clock.now() + waitMs >= until) throw unknown ? doubtful(error as MeshError) : error
        await new Promise<void>((resolve) => this.#clock.after(waitMs, resolve))
      }
    }
  }

  async #send(request: ConsulRequest) {
    try {
      return await this.#link.send({ consistency: 'default', ...request })
    } catch (error) {
      throw this.problem(error)
    }
  }

  #read<T>(schema: z.ZodType<T>, body: unknown): T {
    const { data, error } = schema.safeParse(body)
    if (error === undefined) return data
    const { path, message } = error.issues[0]!
    throw new MeshError(
      'TULLE_CONSUL',
      `${this.place}: an answer that is none: ${path.join('.')}: ${message}`,
      {
        layer: 'plane',
      },
    )
  }

  /** What Consul said, or did not, with where our state is and what to do. */
  problem(cause: unknown): MeshError {
    const { message } = cause as Error
    const refused = cause instanceof ConsulRefusal ? cause : undefined
    if (refused?.status === 403 || /denied/i.test(refused?.words ?? ''))
      return new MeshError('TULLE_CONSUL', `the plane's state in ${this.place}: ${message}`, {
        layer: 'plane',
        cause,
        hint: `Its ACL token (CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE) needs: key_prefix "${this.#prefix}" { policy = "write" }`,
      })
    // Who cannot reach the agent at all learns from the link why.
    const todo =
      refused === undefined && isMeshError(cause)
        ? cause.hint
        : 'Try again when the agent answers and its servers have a leader (`consul operator raft list-peers`).'
    return new MeshError('TULLE_CONSUL', `the plane's state in ${this.place}: ${message}`, {
      layer: 'plane',
      cause,
      hint: `What a plane has in force stays in force. ${todo}`,
    })
  }

  #wireOf(operation: Operation): object {
    const wire = { Verb: operation.verb, Key: this.#prefix + operation.key }
    if (operation.verb === 'check-index') return { ...wire, Index: operation.index }
    if (operation.verb !== 'cas') return wire
    const { index: Index, flags: Flags, bytes } = operation
    return { ...wire, Index, Flags, Value: Buffer.from(bytes).toString('base64') }
  }
}

/** The connection was refused: nothing of the request has left. */
function neverSent(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' || code === 'ENOENT'
}

function doubtful(error: MeshError): MeshError {
  const { code, message, cause } = error
  return new MeshError(code, `${message}; whether it was written is not known`, {
    layer: 'plane',
    cause,
    hint: 'Look at what is there (for a policy `tulle policy history`) before you repeat it.',
  })
}
