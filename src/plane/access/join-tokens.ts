import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../../core/errors.ts'
import { Refusal } from '../refusal.ts'
import type { Store } from '../store.ts'
import { type JoinClaims, newTokenId, readJoinToken, writeJoinToken } from './join-token.ts'
import { demandServiceName } from './service-name.ts'

const KEY = 'access/join-key'
const FOLDER = 'access/tokens/'
/** An expired token stays in the list so long; later nothing of it is needed, since it says itself that it is over. */
const KEPT_MS = 30 * 24 * 3_600_000

const recordShape = z.looseObject({
  id: z.string(),
  service: z.string(),
  rootSha256: z.string(),
  createdAtMs: z.number().optional(),
  expiresAtMs: z.number().optional(),
  uses: z.number().optional(),
  used: z.number(),
  revoked: z.boolean(),
})

/** A token as lists show it: never its secret. Times are wall-clock milliseconds. */
export interface TokenRecord {
  readonly id: string
  readonly service: string
  /** The root its holders pin: once that root is retired the token is of no use to a new process. */
  readonly rootSha256: string
  /** Undefined: known from its use only. */
  readonly createdAtMs?: number | undefined
  readonly expiresAtMs?: number | undefined
  readonly uses?: number | undefined
  /** Counted where `uses` is limited. */
  readonly used: number
  readonly revoked: boolean
}

export interface TokenOptions {
  /** From now, milliseconds; undefined: never expires. */
  readonly expiresInMs?: number | undefined
  /** Undefined: without end, as autoscaling needs it. */
  readonly uses?: number | undefined
}

export interface JoinTokensOptions {
  readonly store: Store
  readonly wall: () => number
  readonly trustDomain: string
  /** Whether tokens for any service (`*`) are made and taken; default false. */
  readonly dev?: boolean | undefined
}

/**
 * The join tokens of a plane. Nothing secret of a token is kept: its secret follows from its content and the plane's
 * key. So a revoked one must be remembered, and is.
 */
export class JoinTokens {
  readonly #options: JoinTokensOptions
  readonly #key: Uint8Array
  readonly #records: Map<string, TokenRecord>
  /** Writes nobody has waited for, by token. */
  readonly #underWay = new Map<string, Promise<void>>()
  /** Tokens whose first write failed. */
  readonly #unwritten = new Set<string>()

  private constructor(options: JoinTokensOptions, key: Uint8Array, records: Map<string, TokenRecord>) {
    this.#options = options
    this.#key = key
    this.#records = records
  }

  /** Rejects with TULLE_STATE where what is stored cannot be read. */
  static async open(options: JoinTokensOptions): Promise<JoinTokens> {
    const { store, wall } = options
    let key = await store.read(KEY)
    if (key === undefined) {
      key = randomBytes(32)
      await store.write(KEY, key)
    }
    if (key.length !== 32) throw new MeshError('TULLE_STATE', `${KEY} in ${store.place} is not 32 bytes long`)
    const records = new Map<string, TokenRecord>()
    for (const name of await store.list(FOLDER)) {
      const bytes = await store.read(name)
      if (bytes === undefined) continue
      const record = readRecord(bytes)
      if (record === undefined) throw new MeshError('TULLE_STATE', `${name} in ${store.place} is unreadable`)
      if ((record.expiresAtMs ?? Number.POSITIVE_INFINITY) + KEPT_MS < wall()) await store.remove(name)
      else records.set(record.id, record)
    }
    return new JoinTokens(options, key, records)
  }

  /**
   * Good at once; its record is written in the background, see `persisted`.
   * @throws Refusal malformed or forbidden: the service or an option
   */
  mint(
    service: string,
    where: {
      readonly urls: readonly string[]
      readonly rootSha256: string
      readonly dc?: string | undefined
    },
    { expiresInMs, uses }: TokenOptions = {},
  ): { readonly id: string; readonly token: string } {
    this.#demand(service)
    if (expiresInMs !== undefined && !(Number.isFinite(expiresInMs) && expiresInMs > 0))
      throw new Refusal('malformed', 'expiresInMs must be a number of milliseconds above 0')
    if (uses !== undefined && !(Number.isSafeInteger(uses) && uses >= 1))
      throw new Refusal('malformed', 'uses must be a whole number of at least 1')
    const now = this.#options.wall()
    const claims: JoinClaims = {
      id: newTokenId(),
      service,
      urls: where.urls,
      rootSha256: where.rootSha256,
      ...(where.dc === undefined ? {} : { dc: where.dc }),
      trustDomain: this.#options.trustDomain,
      ...(expiresInMs === undefined ? {} : { expiresAtMs: now + expiresInMs }),
      ...(uses === undefined ? {} : { uses }),
    }
    const token = writeJoinToken(claims, this.#key)
    if (readJoinToken(token, this.#key) === undefined)
      throw new Refusal(
        'malformed',
        'a token needs 1 to 16 https URLs of the plane, in at most 8,000 characters',
      )
    this.#adopt(claims, now)
    return { id: claims.id, token }
  }

  /** Resolves when the record of this token is durable; rejects with TULLE_STATE where it cannot be. */
  async persisted(id: string): Promise<void> {
    await this.#underWay.get(id)
    if (!this.#unwritten.has(id)) return
    await this.#write(id)
    this.#unwritten.delete(id)
  }

  /**
   * Whose token this is, whatever it is used for.
   * @throws Refusal that says what is wrong, the details only to who has the secret
   */
  verify(token: string): TokenRecord {
    const claims = readJoinToken(token, this.#key)
    if (claims === undefined)
      throw new Refusal('unauthenticated', 'this join token was not made by this plane, or is not whole', {
        hint: 'Was it cut in copying? `tulle token create <service>` makes a new one.',
      })
    const { dev = false, trustDomain, wall } = this.#options
    if (claims.trustDomain !== trustDomain)
      throw new Refusal('unauthenticated', `this join token is for the trust domain "${claims.trustDomain}"`)
    if (claims.service === '*' && !dev)
      throw new Refusal(
        'forbidden',
        'this join token is for any service, which only a plane in dev mode takes',
      )
    const record = this.#records.get(claims.id) ?? this.#adopt(claims, undefined)
    if (record.revoked) throw new Refusal('unauthenticated', `the join token ${record.id} has been revoked`)
    if (record.expiresAtMs !== undefined && wall() >= record.expiresAtMs)
      throw new Refusal('unauthenticated', `the join token ${record.id} has expired`)
    demandLeft(record)
    return record
  }

  /**
   * Counts one use, durably where uses are limited: only then may what it is used for be answered.
   * @throws Refusal where none is left; TULLE_STATE where it cannot be written, and then it is not counted
   */
  async use(id: string): Promise<void> {
    const record = this.#records.get(id)
    if (record === undefined) throw new Refusal('unauthenticated', `the join token ${id} is not known`)
    if (record.revoked) throw new Refusal('unauthenticated', `the join token ${id} has been revoked`)
    if (record.uses === undefined) return
    demandLeft(record)
    // Counted before the write, so that of two at one moment only one gets the last.
    this.#records.set(id, { ...record, used: record.used + 1 })
    try {
      await this.#write(id)
    } catch (error) {
      const now = this.#records.get(id) ?? record
      this.#records.set(id, { ...now, used: now.used - 1 })
      throw error
    }
  }

  /** Oldest first. */
  list(): TokenRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.createdAtMs ?? 0) - (b.createdAtMs ?? 0))
  }

  /** In force at once, durable when it resolves. @throws Refusal unknown */
  async revoke(id: string): Promise<void> {
    const record = this.#records.get(id)
    if (record === undefined)
      throw new Refusal('unknown', `there is no join token ${JSON.stringify(id.slice(0, 40))}`)
    this.#records.set(id, { ...record, revoked: true })
    await this.#write(id)
  }

  #demand(service: string): void {
    if (service !== '*') demandServiceName(service)
    else if (this.#options.dev !== true)
      throw new Refusal(
        'forbidden',
        'a join token for any service ("*") can only be made by a plane in dev mode',
      )
  }

  /** Takes a token into the list that the plane's key vouches for: a new one, or one whose record a crash prevented. */
  #adopt(
    { id, service, rootSha256, expiresAtMs, uses }: JoinClaims,
    createdAtMs: number | undefined,
  ): TokenRecord {
    const record: TokenRecord = {
      id,
      service,
      rootSha256,
      createdAtMs,
      expiresAtMs,
      uses,
      used: 0,
      revoked: false,
    }
    this.#records.set(id, record)
    const writing = this.#write(id)
    this.#underWay.set(id, writing)
    writing.then(
      () => this.#underWay.delete(id),
      // Whoever waits for it is told; for the others the token is as good as before.
      () => {
        this.#underWay.delete(id)
        this.#unwritten.add(id)
      },
    )
    return record
  }

  #write(id: string): Promise<void> {
    return this.#options.store.write(FOLDER + id, Buffer.from(JSON.stringify(this.#records.get(id))))
  }
}

function demandLeft({ id, uses, used }: TokenRecord): void {
  if (uses !== undefined && used >= uses)
    throw new Refusal(
      'unauthenticated',
      `the join token ${id} has been used ${uses === 1 ? 'once, which is' : `${uses} times, which is`} all it was good for`,
    )
}

function readRecord(bytes: Uint8Array): TokenRecord | undefined {
  try {
    return recordShape.safeParse(JSON.parse(Buffer.from(bytes).toString())).data
  } catch {
    return undefined
  }
}
