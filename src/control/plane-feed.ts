import { isMeshError, MeshError } from '../core/errors.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import { type Following, follow } from '../core/follow.ts'
import type { PlaneAnswer, PlaneLink, StateStore } from '../core/plane.ts'
import { type PolicyWire, policyWire } from '../core/plane-wire.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import type { SourceDocument } from '../policy/document.ts'
import type { Parsed } from '../policy/parse.ts'
import { problemText } from '../policy/problem.ts'
import { contentVersion } from './document.ts'
import type { PolicyFeed, PolicyUpdate } from './feed.ts'
import { type KeptPolicy, keepPolicy, readKeptPolicy } from './kept-policy.ts'
import { LastGood } from './last-good.ts'
import { Acknowledger } from './plane-acks.ts'

export interface PlanePolicyOptions {
  readonly link: Pick<PlaneLink, 'send' | 'urls' | 'onReachable'>
  /** Made by `createParser`. */
  readonly parse: (source: SourceDocument) => Parsed
  /** Where the last good policy is kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** For acknowledgements: this process, and what it serves. */
  readonly instance: string
  readonly service: string
  /** How long a start waits for a plane where nothing is kept, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
  /** How long a poll waits at the plane, in milliseconds; default 30,000. */
  readonly waitMs?: number | undefined
}

export interface PlanePolicyStatus {
  /** Where what is in force came from; `none`: the built-in defaults apply. */
  readonly source: 'plane' | 'kept' | 'none'
  readonly sequence: number
  /** Since the plane last said what is in force; undefined: it never did. */
  readonly ageMs: number | undefined
  /** Why nothing new comes; undefined: all is well. */
  readonly problem: string | undefined
}

const NAME = 'the plane'

/**
 * Policy from a plane: a long poll, applied at once and as a whole, acknowledged. `start` goes on with what the plane
 * says, or with what an earlier run kept, or with nothing and a problem that says so; it does not reject because of a
 * plane. An answer that is wrong, or older than what is in force, changes nothing; a wrong document keeps its last good
 * form. What is kept bounds the sequence too: after a plane has honestly lost its state, delete `policy.json`.
 */
export class PlanePolicyFeed implements PolicyFeed {
  readonly name = 'policy'
  readonly #options: PlanePolicyOptions
  readonly #lastGood: LastGood
  readonly #acks: Acknowledger
  readonly #listeners = new Set<(update: PolicyUpdate) => void>()
  #current: PolicyUpdate | undefined
  #source: PlanePolicyStatus['source'] = 'none'
  #sequence = -1
  #digest: string | undefined
  #etag: string | undefined
  /** Monotonic; of what is kept, so long ago as the wall clock says. */
  #heardMs: number | undefined
  #problem: string | undefined
  #following: Following | undefined
  #closed = false
  readonly #first = new FirstAnswer()
  #kept: KeptPolicy | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(options: PlanePolicyOptions) {
    this.#options = options
    this.#lastGood = new LastGood(options.parse)
    this.#acks = new Acknowledger(options.link, options.clock, options.random)
  }

  get current(): PolicyUpdate | undefined {
    return this.#current
  }

  status(): PlanePolicyStatus {
    const heard = this.#heardMs
    return {
      source: this.#source,
      sequence: Math.max(0, this.#sequence),
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
    if (this.#kept !== undefined) this.#sequence = this.#kept.policy.sequence
    await this.#first.wait(clock, startMs, signal, () => {
      this.#poll()
    })
    if (signal.aborted) await this.close()
    signal.throwIfAborted()
    if (this.#current === undefined) this.#goOnWithout()
    this.#kept = undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#following?.stop()
    this.#acks.stop()
    this.#first.settle()
    this.#listeners.clear()
    await this.#saving
  }

  #poll(): void {
    const { link, clock, random, waitMs = 30_000 } = this.#options
    this.#following = follow({
      link,
      clock,
      random,
      request: () => ({ method: 'GET', path: '/v1/policy', etag: this.#etag, waitMs, auth: 'identity' }),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: () => this.#heard(),
      onError: (error) => this.#failed(error),
    })
  }

  #answered({ body, etag }: PlaneAnswer): void {
    const policy = accepted(body)
    const digest = digestOf(policy)
    const known = this.#digest ?? (this.#kept === undefined ? undefined : digestOf(this.#kept.policy))
    if (policy.sequence < this.#sequence)
      throw stale(
        `version ${policy.sequence} of the policy, which is older than ${this.#sequence}, in force here`,
      )
    if (policy.sequence === this.#sequence && known !== undefined && known !== digest)
      throw stale(`another policy under the number ${policy.sequence} that is in force here`)
    const changed = this.#current === undefined || this.#digest !== digest
    if (changed) this.#apply(policy, digest)
    if (changed || policy.sequence !== this.#sequence || this.#source !== 'plane') {
      this.#sequence = policy.sequence
      this.#source = 'plane'
      this.#keep(policy)
      this.#acknowledge()
    }
    this.#etag = etag
    this.#heard()
    this.#first.settle()
  }

  #apply(policy: PolicyWire, digest: string): void {
    const texts = new TextEncoder()
    const update = this.#lastGood.take(
      new Map(policy.documents.map(({ name, text }) => [name, texts.encode(text)])),
    )
    this.#digest = digest
    this.#publish(update)
  }

  #publish(update: PolicyUpdate): void {
    const first = this.#current === undefined
    this.#current = update
    if (!first) for (const listener of this.#listeners) listener(update)
  }

  #heard(): void {
    if (this.#problem !== undefined) {
      this.#options.log.info('the plane answers again', { sequence: this.#sequence })
      this.#acks.repeat()
    }
    this.#problem = undefined
    this.#heardMs = this.#options.clock.now()
  }

  #failed(error: unknown): void {
    const message = wordsOf(error)
    if (message !== this.#problem)
      this.#options.log.warn(`no policy from the plane: ${message}`, {
        code: isMeshError(error) ? error.code : undefined,
      })
    this.#problem = message
    // With something to go on with there is nothing to wait for.
    if (this.#kept !== undefined) this.#first.settle()
  }

  #goOnWithout(): void {
    const { clock, wall, log } = this.#options
    const kept = this.#kept
    this.#problem ??= 'no plane has answered yet'
    if (kept === undefined) {
      const why = `no policy: ${this.#problem}; nothing is kept from an earlier run, so the built-in defaults apply`
      this.#publish(this.#lastGood.keep(NAME, why))
      return
    }
    const ageMs = Math.max(0, wall() - kept.savedMs)
    this.#source = 'kept'
    this.#heardMs = clock.now() - ageMs
    this.#apply(kept.policy, digestOf(kept.policy))
    log.warn(`policy ${kept.policy.sequence} as kept ${Math.round(ageMs / 1000)} s ago is in force`, {
      problem: this.#problem,
    })
  }

  async #readKept(store: StateStore): Promise<KeptPolicy | undefined> {
    try {
      const kept = await readKeptPolicy(store)
      if (kept !== undefined) accepted(kept.policy)
      return kept
    } catch (error) {
      const why = wordsOf(error)
      this.#options.log.error(`the policy kept in ${store.place} is not used: ${why}`)
      return undefined
    }
  }

  #keep(policy: PolicyWire): void {
    const { store, wall, log } = this.#options
    if (store === undefined) return
    const kept = { policy, savedMs: wall() }
    this.#saving = this.#saving
      .then(() => keepPolicy(store, kept))
      .catch((error: unknown) => log.error(`the policy could not be kept: ${String(error)}`))
  }

  #acknowledge(): void {
    const { instance, service } = this.#options
    const refused = (this.#current?.problems ?? []).map(problemText)
    this.#acks.tell({ instance, service, sequence: this.#sequence, refused })
  }
}

function digestOf(policy: PolicyWire): string {
  return contentVersion(JSON.stringify(policy.documents.map(({ name, text }) => [name, text])))
}

/** The answer as a policy, every name once; throws TULLE_PLANE where it is none. */
function accepted(body: unknown): PolicyWire {
  const { data, error } = policyWire.safeParse(body)
  if (data === undefined) {
    const issue = error?.issues[0]
    throw wrong(`what is no policy: ${issue?.path.map(String).join('.')}: ${issue?.message}`)
  }
  const names = new Set<string>()
  for (const { name } of data.documents) {
    if (names.has(name)) throw wrong(`a policy in which the document ${JSON.stringify(name)} is there twice`)
    names.add(name)
  }
  return data
}

function wrong(what: string): MeshError {
  return new MeshError('TULLE_PLANE', `the plane answered ${what}; the last good policy stays in force`, {
    layer: 'policy',
  })
}

function stale(what: string): MeshError {
  return new MeshError('TULLE_PLANE', `the plane offers ${what}; it is refused`, {
    layer: 'policy',
    hint: 'Was the state of the plane replaced, or restored from an old backup? To accept it nevertheless, delete policy.json in the state directory and restart.',
  })
}
