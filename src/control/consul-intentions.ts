import type { AccessRequest, Authorizer, CallerRules, CompileRules, Verdict } from '../core/authorizer.ts'
import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import { FirstAnswer } from '../core/first-answer.ts'
import type { Following } from '../core/follow.ts'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger, Part, Random } from '../core/ports.ts'
import { RefusalLog } from '../core/refusal-log.ts'
import { wordsOf } from '../core/words.ts'
import { AclDefault } from './consul-default.ts'
import { sendMatch } from './consul-match-link.ts'
import { EmptyAnswer } from './empty-answer.ts'
import { keepIntentions, readKeptIntentions } from './kept-intentions.ts'
import { keptWords } from './kept-json.ts'

export interface ConsulIntentionsOptions {
  /** Our own name: the destination. */
  readonly service: string
  readonly link: Pick<ConsulLink, 'send' | 'address' | 'onReachable'>
  /** What makes rules of intentions. */
  readonly compile: CompileRules
  /** Where the last good intentions are kept; undefined: nowhere. */
  readonly store?: StateStore | undefined
  /** What holds where no intention decides; undefined: what the agent says, deny where it does not. */
  readonly defaultAllow?: boolean | undefined
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** How long a start waits for the agent, in milliseconds; default 3000. */
  readonly startMs?: number | undefined
}

export interface ConsulIntentionsStatus {
  /** Where what is in force came from; `none`: nothing is, and everything is denied. */
  readonly source: 'consul' | 'kept' | 'none'
  readonly intentions: number
  /** What holds where no intention decides, and why: `deny: the ACL default policy is deny`. */
  readonly fallback: string
  /** Intentions of which something is not understood; they deny. */
  readonly notUnderstood: readonly string[]
  /** Since the agent last said what is in force; undefined: it never did. */
  readonly ageMs: number | undefined
  /** Why nothing new comes; undefined: all is well. */
  readonly problem: string | undefined
}

const NOTHING_YET: Verdict = Object.freeze({
  allowed: false,
  reason: 'no intentions have come from Consul yet',
})

/**
 * Who may call this service, by Consul's intentions: one blocking query, judged from memory. What was in force stays so
 * while the agent is away, for ever, and a restart begins with what was kept. `start` rejects where there is neither an
 * agent nor anything kept; until it has something, everything is denied.
 *
 * An answer without intentions after one that had some is believed at once where the default is deny. Where it is allow
 * it would open the service, and a lost ACL token may look the same (SECURITY, fact 5): the leader confirms it, three
 * times over five seconds.
 */
export class ConsulIntentions implements Part, Authorizer {
  readonly name = 'intentions'
  readonly #options: ConsulIntentionsOptions
  readonly #denials: RefusalLog
  readonly #default: AclDefault
  readonly #empty: EmptyAnswer
  #rules: CallerRules | undefined
  #intentions: readonly unknown[] = []
  #source: ConsulIntentionsStatus['source'] = 'none'
  /** Monotonic; of what is kept, so long ago as the wall clock says. */
  #heardMs: number | undefined
  #problem: string | undefined
  #error: unknown
  #following: Following | undefined
  #closed = false
  readonly #first = new FirstAnswer()
  #written = ''
  #keptProblem: string | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(options: ConsulIntentionsOptions) {
    const { clock, log, link, defaultAllow } = options
    this.#options = options
    this.#denials = new RefusalLog(clock, log)
    this.#default = new AclDefault({ link, clock, log, allow: defaultAllow, onChange: () => this.#keep() })
    this.#empty = new EmptyAnswer({
      clock,
      look: () => this.#lookAgain(),
      onConfirmed: () => this.#take([], 'consul'),
    })
  }

  judge(request: AccessRequest): Verdict {
    const verdict = this.#rules === undefined ? NOTHING_YET : this.#decide(this.#rules, request)
    if (!verdict.allowed)
      this.#denials.warn('denied an inbound request', verdict.reason, {
        peer: request.peer?.id,
        method: request.method,
      })
    return verdict
  }

  status(): ConsulIntentionsStatus {
    const heard = this.#heardMs
    const { allow, why } = this.#default.current
    return {
      source: this.#source,
      intentions: this.#rules?.size ?? 0,
      fallback: `${allow ? 'allow' : 'deny'}: ${why}`,
      notUnderstood: this.#rules?.problems ?? [],
      ageMs: heard === undefined ? undefined : Math.max(0, this.#options.clock.now() - heard),
      problem: this.#problem,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, startMs = 3000 } = this.#options
    await this.#restore()
    signal.throwIfAborted()
    if (this.#closed)
      throw new MeshError('TULLE_CLOSED', 'the intentions are closed', { layer: 'intentions' })
    await this.#first.wait(clock, startMs, signal, () => {
      this.#follow()
    })
    if (signal.aborted) await this.close()
    signal.throwIfAborted()
    if (this.#source !== 'none') return
    await this.close()
    throw this.#noStart()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#following?.stop()
    this.#empty.stop()
    this.#first.settle()
    await this.#saving
  }

  #decide(rules: CallerRules, request: AccessRequest): Verdict {
    return rules.judge(request) ?? this.#default.verdict
  }

  #follow(): void {
    const { link, clock, random } = this.#options
    this.#following = followConsul({
      link,
      send: async (request, signal) => {
        const answer = await sendMatch(link, request, signal)
        // Before the intentions are put in force: a default that has become stricter must not come after them.
        await this.#default.ask(this.#problem !== undefined, signal)
        return answer
      },
      clock,
      random,
      request: () => this.#request(),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: () => this.#heard(),
      onError: (error) => this.#failed(error),
    })
  }

  #request(): ConsulRequest {
    const { service } = this.#options
    return {
      method: 'GET',
      path: '/v1/connect/intentions/match',
      query: { by: 'destination', name: service },
    }
  }

  #answered(answer: ConsulAnswer): void {
    const intentions = this.#intentionsIn(answer)
    const emptied = intentions.length === 0 && this.#intentions.length > 0
    if (emptied && this.#default.current.allow) this.#hold()
    else this.#believe(intentions)
    this.#heard()
    this.#first.settle()
  }

  #hold(): void {
    const { log, service } = this.#options
    log.warn('Consul knows no intentions of this service any more; the last ones hold until that is sure', {
      service,
    })
    this.#empty.hold()
  }

  async #lookAgain(): Promise<boolean> {
    const answer = await this.#options.link.send({ ...this.#request(), consistency: 'default' })
    const intentions = this.#intentionsIn(answer)
    if (intentions.length > 0 && !this.#closed) this.#believe(intentions)
    return intentions.length === 0
  }

  /** Throws where it is no list of ours. */
  #intentionsIn({ body, filtered }: ConsulAnswer): readonly unknown[] {
    const { link, service } = this.#options
    if (filtered) throw wrong(link.address, 'less than there is, because of the ACL token')
    const found = isRecord(body) ? body[service] : undefined
    if (found !== null && !Array.isArray(found)) throw wrong(link.address, 'what are no intentions')
    return found ?? []
  }

  #believe(intentions: readonly unknown[]): void {
    try {
      this.#take(intentions, 'consul')
    } catch (cause) {
      throw wrong(this.#options.link.address, `a malformed intention (${(cause as Error).message})`, cause)
    }
  }

  /** Throws where something in them has another type: what is in force stays. */
  #take(intentions: readonly unknown[], source: 'consul' | 'kept'): void {
    const { compile, service, log } = this.#options
    const rules = compile(service, intentions)
    this.#empty.stop()
    for (const problem of rules.problems)
      if (!this.#rules?.problems.includes(problem)) log.warn(problem, { service })
    this.#rules = rules
    this.#intentions = intentions
    this.#source = source
    if (source === 'consul') this.#keep()
  }

  #heard(): void {
    if (this.#problem !== undefined) this.#options.log.info('Consul tells intentions again')
    this.#problem = undefined
    this.#heardMs = this.#options.clock.now()
  }

  #failed(error: unknown): void {
    const message = wordsOf(error)
    const { code, hint } = isMeshError(error) ? error : {}
    if (message !== this.#problem)
      this.#options.log.warn(`no intentions from Consul: ${message}`, { code, hint })
    this.#problem = message
    this.#error = error
    // With something to go on with there is nothing to wait for.
    if (this.#source !== 'none') this.#first.settle()
  }

  async #restore(): Promise<void> {
    const { store, service, clock, wall, log } = this.#options
    if (store === undefined) return
    try {
      const kept = await readKeptIntentions(store, service)
      if (kept === undefined) return
      this.#take(kept.intentions, 'kept')
      this.#default.restore(kept.fallback)
      this.#heardMs = clock.now() - Math.max(0, wall() - kept.savedMs)
    } catch (error) {
      const why = wordsOf(error)
      this.#keptProblem = why
      log.error(`the intentions of an earlier run are not used: ${why}`)
    }
  }

  #keep(): void {
    const { store, service, wall, log } = this.#options
    if (store === undefined || this.#source !== 'consul') return
    const content = { service, fallback: this.#default.told, intentions: this.#intentions }
    const text = JSON.stringify(content)
    if (text === this.#written) return
    this.#written = text
    const savedMs = wall()
    this.#saving = this.#saving
      .then(() => keepIntentions(store, { savedMs, ...content }))
      .catch((error: unknown) => log.error(`the intentions could not be kept: ${String(error)}`))
  }

  #noStart(): MeshError {
    const { link, startMs = 3000 } = this.#options
    const why = this.#problem ?? `no answer within ${startMs} ms`
    const hint = isMeshError(this.#error) ? this.#error.hint : undefined
    const message = `no intentions from Consul at ${link.address}: ${why}; ${keptWords(this.#keptProblem)}`
    return new MeshError('TULLE_CONSUL', message, { layer: 'intentions', cause: this.#error, hint })
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function wrong(address: string, what: string, cause?: unknown): MeshError {
  const message = `${address} answered ${what}; the last good intentions stay in force`
  return new MeshError('TULLE_CONSUL', message, { layer: 'intentions', cause })
}
