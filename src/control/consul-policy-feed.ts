import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import type { Following } from '../core/follow.ts'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import type { SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import { policyError } from '../policy/problem.ts'
import { confirmGone } from './consul-lost.ts'
import {
  documentName,
  documentsIn,
  hintFor,
  noStart,
  type PolicyKey,
  pathOf,
  policyRequest,
  ruleFor,
} from './consul-policy-key.ts'
import type { PolicyFeed, PolicyUpdate } from './feed.ts'
import {
  goodTexts,
  type KeptConsulPolicy,
  keepConsulPolicy,
  readKeptConsulPolicy,
} from './kept-consul-policy.ts'
import { type Found, LastGood } from './last-good.ts'

export interface ConsulPolicyOptions {
  readonly link: Pick<ConsulLink, 'send' | 'address' | 'onReachable'>
  /** Made by `policyKey`. */
  readonly from: PolicyKey
  /** Made by `createParser`. */
  readonly parse: (source: SourceDocument) => Parsed
  /** Where the last good documents are kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** How long a start waits for the agent, and for the key to be there, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
}

export interface ConsulPolicyStatus {
  /** Where what is in force came from; `none`: not started. */
  readonly source: 'consul' | 'kept' | 'none'
  /** Since the agent last said what is in force; undefined: it never did. */
  readonly ageMs: number | undefined
  /** Why nothing new comes; undefined: all is well. */
  readonly problem: string | undefined
}

/**
 * Policy from Consul's KV store: one blocking query on a key, or on everything below a prefix. `start` goes on with
 * what the agent says or with what an earlier run kept, and rejects where there is neither: TULLE_CONSUL where the
 * agent is away or refuses, TULLE_POLICY where the key is not there or no document is without a mistake.
 *
 * After that a document with a mistake keeps its last good form; a key that disappears from below a prefix takes its
 * policy with it; where the key itself, or the last below the prefix, disappears, everything stays in force and the
 * problem says so.
 */
export class ConsulPolicyFeed implements PolicyFeed {
  readonly name = 'policy'
  readonly #options: ConsulPolicyOptions
  readonly #lastGood: LastGood
  readonly #listeners = new Set<(update: PolicyUpdate) => void>()
  /** The bytes of what is in force, by name. */
  #good: ReadonlyMap<string, Uint8Array> = new Map()
  #current: PolicyUpdate | undefined
  #source: ConsulPolicyStatus['source'] = 'none'
  /** Monotonic; of what is kept, so long ago as the wall clock says. */
  #heardMs: number | undefined
  #problem: string | undefined
  #error: unknown
  #following: Following | undefined
  #closed = false
  readonly #first = new FirstAnswer()
  #kept: KeptConsulPolicy | undefined
  #keptProblem: string | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(options: ConsulPolicyOptions) {
    this.#options = options
    this.#lastGood = new LastGood(options.parse)
  }

  get current(): PolicyUpdate | undefined {
    return this.#current
  }

  status(): ConsulPolicyStatus {
    const heard = this.#heardMs
    return {
      source: this.#source,
      ageMs: heard === undefined ? undefined : Math.max(0, this.#options.clock.now() - heard),
      problem: this.#problem,
    }
  }

  onUpdate(listener: (update: PolicyUpdate) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, startMs = 3000, store } = this.#options
    this.#kept = store === undefined ? undefined : await this.#readKept(store)
    signal.throwIfAborted()
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the policy feed is closed', { layer: 'policy' })
    // What is wrong in Consul now has its last good form here.
    if (this.#kept !== undefined) this.#take(this.#kept.documents)
    await this.#first.wait(clock, startMs, signal, () => {
      this.#follow()
    })
    if (signal.aborted) await this.close()
    signal.throwIfAborted()
    if (this.#current === undefined) this.#goOnWithout()
    this.#kept = undefined
    const begun = this.#current as PolicyUpdate | undefined
    if (begun !== undefined && begun.documents.length > 0) return
    await this.close()
    if (begun !== undefined) throw policyError(begun.problems)
    const { from, link } = this.#options
    throw noStart(from, link.address, this.#error ?? this.#problem, this.#keptProblem)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#following?.stop()
    this.#first.settle()
    this.#listeners.clear()
    await this.#saving
  }

  #follow(): void {
    const { link, clock, random, from } = this.#options
    this.#following = followConsul({
      link,
      send: (request, signal) => this.#send(request, signal),
      clock,
      random,
      request: () => policyRequest(from),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: ({ status }) => {
        if (status !== 404) this.#heard()
      },
      onError: (error) => this.#failed(error),
    })
  }

  async #send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    const { link, from } = this.#options
    const answer = await link.send(request, signal)
    if (!from.prefix) return answer
    const documents = documentsIn(from, answer)
    const gone = [...this.#good.keys()].filter((name) => !documents.has(name))
    await confirmGone(
      link,
      gone.map((name) => {
        const key = name.slice(documentName('').length)
        return { what: `the key ${key}`, path: pathOf(key) }
      }),
      signal,
    )
    return answer
  }

  #answered(answer: ConsulAnswer): void {
    const { from } = this.#options
    const documents = documentsIn(from, answer)
    if (documents.size === 0) {
      this.#missing()
      return
    }
    const update = this.#take(documents)
    this.#source = 'consul'
    this.#keep(from.key)
    this.#publish(update)
    this.#heard()
    this.#first.settle()
  }

  /** Nothing to begin with is waited for; what is in force stays. */
  #missing(): void {
    const { link, from } = this.#options
    const rights = from.prefix ? `; or the ACL token may not read it: ${ruleFor(from)}` : ''
    const what = from.prefix ? `no key below ${from.key}` : `no key ${from.key}`
    const write = from.prefix ? `${from.key}mesh.yaml` : from.key
    this.#failed(
      new MeshError('TULLE_POLICY', `there is ${what} in Consul at ${link.address}`, {
        layer: 'policy',
        hint: `Write it: consul kv put ${write} @mesh.yaml${rights}`,
      }),
    )
    if (this.#current === undefined) return
    this.#publish(
      this.#lastGood.keep(documentName(from.key), `${this.#problem}; the last good policy stays in force`),
    )
  }

  #take(documents: ReadonlyMap<string, Found>): PolicyUpdate {
    const update = this.#lastGood.take(documents)
    this.#good = goodTexts(update, documents, this.#good)
    return update
  }

  #publish(update: PolicyUpdate): void {
    const first = this.#current === undefined
    this.#current = update
    if (!first) for (const listener of this.#listeners) listener(update)
  }

  #heard(): void {
    if (this.#problem !== undefined) this.#options.log.info('Consul answers for the policy again')
    this.#problem = undefined
    this.#error = undefined
    this.#heardMs = this.#options.clock.now()
  }

  #failed(error: unknown): void {
    const message = wordsOf(error)
    if (message !== this.#problem)
      this.#options.log.warn(`no policy from Consul: ${message}`, {
        code: isMeshError(error) ? error.code : undefined,
        hint: hintFor(this.#options.from, error),
      })
    this.#problem = message
    this.#error = error
    // With something to go on with there is nothing to wait for.
    if (this.#kept !== undefined) this.#first.settle()
  }

  #goOnWithout(): void {
    const { clock, wall, log, from } = this.#options
    const kept = this.#kept
    this.#problem ??= 'no answer yet'
    if (kept === undefined) return
    const update = this.#lastGood.keep(
      documentName(from.key),
      `as kept from an earlier run: ${this.#problem}`,
    )
    const ageMs = Math.max(0, wall() - kept.savedMs)
    this.#source = 'kept'
    this.#heardMs = clock.now() - ageMs
    this.#publish(update)
    log.warn(`the policy of Consul as kept ${Math.round(ageMs / 1000)} s ago is in force`, {
      problem: this.#problem,
    })
  }

  async #readKept(store: StateStore): Promise<KeptConsulPolicy | undefined> {
    try {
      return await readKeptConsulPolicy(store, this.#options.from.key)
    } catch (error) {
      const why = wordsOf(error)
      this.#keptProblem = why
      this.#options.log.error(`the policy of an earlier run is not used: ${why}`)
      return undefined
    }
  }

  #keep(key: string): void {
    const { store, wall, log } = this.#options
    if (store === undefined || this.#good.size === 0) return
    const kept = { savedMs: wall(), key, documents: this.#good }
    this.#saving = this.#saving
      .then(() => keepConsulPolicy(store, kept))
      .catch((error: unknown) => log.error(`the policy could not be kept: ${String(error)}`))
  }
}
