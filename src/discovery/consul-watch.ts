import type { ConsulAnswer, ConsulLink, ConsulRequest } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import type { EndpointSet } from '../core/endpoint.ts'
import type { Following } from '../core/follow.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { consulError } from './consul-error.ts'
import type { IdentityParts, JudgeContext } from './consul-health.ts'
import { EmptyHold, type SecondLook } from './consul-hold.ts'
import type { KeptSet } from './consul-kept.ts'
import { type Lookup, lookupKey, requestOf } from './consul-lookup.ts'
import type { ConsulRights } from './consul-rights.ts'
import { entryReader, type JudgedAnswer, judgeAnswer } from './consul-sets.ts'

export interface Listener {
  readonly onSet: (set: EndpointSet) => void
  readonly onError: (error: unknown) => void
}

export interface ConsulWatchOptions {
  readonly link: Pick<ConsulLink, 'send' | 'onReachable' | 'address'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly startMs: number
  readonly service: string
  readonly lookup: () => Lookup
  readonly idOf: ((parts: IdentityParts) => string | undefined) | undefined
  /** What an earlier run kept of it, for as long as the agent says nothing. */
  readonly kept: () => KeptSet | undefined
  /** A set that came from Consul. */
  readonly onSet: (asked: string, set: EndpointSet) => void
  /** What the token may see. Rejects where that cannot be told. */
  readonly rights: Pick<ConsulRights, 'sees' | 'whyNone'>
}

/** How far apart sets are told that only add instances, in milliseconds: a rollout is a burst of answers. */
const GATHER_MS = 100

/** One service that is called: one blocking query, and what became of its answers. */
export class ConsulWatch {
  readonly listeners = new Set<Listener>()
  readonly #options: ConsulWatchOptions
  readonly #hold: EmptyHold
  readonly #following: Following
  #lookup: Lookup
  /** Who they must prove to be, as far as the lookup says: another trust domain makes another answer. */
  #identity: string | undefined
  #judged: { readonly digest: string; readonly answer: JudgedAnswer } | undefined
  /** The last one with instances: most of them come back as they were. */
  #before: JudgedAnswer | undefined
  /** What the listeners were told. */
  #set: EndpointSet | undefined
  /** The lookup that it answers. */
  #asked = ''
  #toldMs = Number.NEGATIVE_INFINITY
  #gathering: EndpointSet | undefined
  #source: 'consul' | 'kept' | 'none' = 'none'
  #heardMs: number | undefined
  #problem: string | undefined
  /** Why there is no instance, as far as the token is the reason. */
  #whyNone: string | undefined
  #epoch = 0
  #stopped = false
  #disarmGather = () => {}
  #disarmKept = () => {}

  constructor(options: ConsulWatchOptions) {
    this.#options = options
    this.#lookup = options.lookup()
    this.#identity = this.#identityOf(this.#lookup)
    const { link, clock, random, service, log } = options
    this.#hold = new EmptyHold({
      clock,
      look: () => this.#lookAgain(),
      onConfirmed: () => {
        log.info(`${service}: confirmed, Consul has no instance of it`)
        this.#take({ endpoints: [] })
      },
      onBlind: () =>
        this.#alarm(
          'the ACL token sees no service in Consul at all, or no node; it was lost, lost its rights, or lacks service "consul" { policy = "read" }: the last good instances stay',
        ),
    })
    this.#following = followConsul({
      link: {
        send: (request, signal) => this.#ask(request, signal),
        ...(link.onReachable && { onReachable: link.onReachable.bind(link) }),
      },
      clock,
      random,
      request: () => requestOf(this.#lookup),
      onAnswer: ({ body }) => this.#answered(body as JudgedAnswer),
      onUnchanged: () => this.#unchanged(),
      onError: (error) => this.#failed(error),
    })
    this.#disarmKept = clock.background(options.startMs, () => this.#useKept())
  }

  get source(): 'consul' | 'kept' | 'none' {
    return this.#source
  }

  /** When Consul last said what there is, by the clock. */
  get heardMs(): number | undefined {
    return this.#heardMs
  }

  get problem(): string | undefined {
    return this.#problem ?? this.#whyNone
  }

  listen(listener: Listener): void {
    this.listeners.add(listener)
    if (this.#set !== undefined) listener.onSet(this.#set)
  }

  /** Asks anew where the lookup is another one by now; what is known stays until that is answered. */
  replan(): void {
    const next = this.#options.lookup()
    const identity = this.#identityOf(next)
    if (lookupKey(next) === lookupKey(this.#lookup) && identity === this.#identity) return
    this.#lookup = next
    this.#identity = identity
    this.#judged = undefined
    this.#before = undefined
    this.#epoch += 1
    this.#hold.end()
    this.#following.again()
  }

  stop(): void {
    this.#stopped = true
    this.#following.stop()
    this.#hold.end()
    this.#disarmGather()
    this.#disarmKept()
  }

  /**
   * Judged before `followConsul` sees it: an answer with a mistake is no answer, and is asked for anew from the start.
   * Nothing else is asked meanwhile; whoever breaks the query off breaks the judging off.
   */
  async #ask(request: ConsulRequest, signal: AbortSignal | undefined): Promise<ConsulAnswer> {
    const lookup = this.#lookup
    // Another judgement of the same question: the answer is wanted now, although it may be the same.
    const index = this.#judged === undefined ? undefined : request.index
    const context = this.#context(lookup)
    const eachItem = entryReader(context, this.#before)
    const sent = await this.#options.link.send({ ...request, index, eachItem }, signal)
    const answer = { ...sent, digest: `${sent.digest} ${this.#epoch}` }
    if (answer.digest === this.#judged?.digest) return { ...answer, body: this.#judged.answer }
    const judged = await judgeAnswer(answer.body, context, this.#before, signal)
    signal?.throwIfAborted()
    this.#judged = { digest: answer.digest, answer: judged }
    if (judged.entries.length > 0) this.#before = judged
    return { ...answer, body: judged }
  }

  #context(lookup: Lookup): JudgeContext {
    const { service, idOf, clock } = this.#options
    return { name: service, lookup, idOf, now: () => clock.now() }
  }

  #identityOf({ service, namespace = 'default', datacenter = '' }: Lookup): string | undefined {
    return this.#options.idOf?.({ service, namespace, datacenter })
  }

  #answered(judged: JudgedAnswer): void {
    this.#heardMs = this.#options.clock.now()
    if (judged.entries.length === 0 && this.#mustHold()) return
    this.#hold.end()
    this.#take(judged.set)
    if (judged.entries.length === 0) void this.#wonder()
    if (judged.panic)
      this.#alarm(
        `in Consul all ${judged.set.endpoints.length} instances are critical; they are called all the same, since none is better`,
      )
  }

  #unchanged(): void {
    this.#heardMs = this.#options.clock.now()
    if (this.#judged?.answer.panic === true) return
    if (!this.#hold.holding && this.#problem !== undefined && this.#set !== undefined)
      this.#take(this.#gathering ?? this.#set)
    if (this.#set?.endpoints.length === 0) void this.#wonder()
  }

  /** There may be instances that we may not see. */
  async #wonder(): Promise<void> {
    const lookup = this.#lookup
    const why = await this.#options.rights.whyNone(lookup).catch(() => undefined)
    const still = !this.#stopped && this.#lookup === lookup && this.#set?.endpoints.length === 0
    if (!still || why === this.#whyNone) return
    this.#whyNone = why
    if (why !== undefined) this.#complain(why)
  }

  /** Whether an answer without instances needs a second look: where the same question had them before. */
  #mustHold(): boolean {
    this.#useKept()
    if (this.#hold.holding) return true
    const had = this.#set?.endpoints.length ?? 0
    if (had === 0 || this.#asked !== lookupKey(this.#lookup)) return false
    this.#hold.begin()
    this.#alarm(
      `Consul says that it has no instances, after ${had}: they stay in use until that is confirmed (was the ACL token lost?)`,
    )
    return true
  }

  async #lookAgain(): Promise<SecondLook> {
    const lookup = this.#lookup
    const answer = await this.#options.link.send({ ...requestOf(lookup), consistency: 'default' })
    const judged = await judgeAnswer(answer.body, this.#context(lookup), this.#before)
    if (judged.entries.length === 0)
      return !answer.filtered && (await this.#options.rights.sees(lookup)) ? 'empty' : 'blind'
    if (!this.#stopped && this.#lookup === lookup) this.#take(judged.set)
    return 'full'
  }

  /** What leaves is told at once; what only comes too, unless another set has just been told. */
  #take(set: EndpointSet): void {
    const asked = lookupKey(this.#lookup)
    const change = this.#source === 'consul' && this.#asked === asked ? changeOf(this.#set, set) : 'other'
    const healed = this.#problem !== undefined
    this.#source = 'consul'
    this.#asked = asked
    this.#problem = undefined
    if (set.endpoints.length > 0) this.#whyNone = undefined
    if (healed) this.#options.log.info(`${this.#options.service}: Consul answers again`)
    const { clock } = this.#options
    const waitMs = this.#toldMs + GATHER_MS - clock.now()
    if (change === 'more' && !healed && waitMs > 0) {
      if (this.#gathering === undefined)
        this.#disarmGather = clock.background(waitMs, () => this.#tell(this.#gathering as EndpointSet))
      this.#gathering = set
      return
    }
    if (change === 'none' && !healed) this.#gatherNoMore()
    else this.#tell(set)
  }

  #gatherNoMore(): void {
    this.#disarmGather()
    this.#gathering = undefined
  }

  #tell(set: EndpointSet): void {
    this.#gatherNoMore()
    this.#disarmKept()
    this.#set = set
    this.#toldMs = this.#options.clock.now()
    if (this.#source === 'consul') this.#options.onSet(this.#asked, set)
    for (const { onSet } of [...this.listeners]) onSet(set)
  }

  #failed(error: unknown): void {
    this.#useKept()
    this.#alarm(error)
  }

  /** Tells those who watch what is wrong; their last set stays. */
  #alarm(what: unknown): void {
    this.#problem = this.#complain(what)
  }

  #complain(what: unknown): string {
    const error = consulError(what, this.#options.service, this.#lookup)
    for (const { onError } of [...this.listeners]) onError(error)
    return error.message
  }

  /** Until Consul has said anything in this run. */
  #useKept(): void {
    const kept = this.#set === undefined ? this.#options.kept() : undefined
    if (kept === undefined || kept.asked !== lookupKey(this.#lookup)) return
    this.#source = 'kept'
    this.#asked = kept.asked
    this.#tell(kept.set)
  }
}

/** How a set differs from what was told; instances that did not change are the same objects in the same order. */
function changeOf(before: EndpointSet | undefined, { endpoints }: EndpointSet): 'none' | 'more' | 'other' {
  const last = before?.endpoints ?? []
  // Whoever has nobody to call does not wait for a second one.
  if (last.length === 0) return before !== undefined && endpoints.length === 0 ? 'none' : 'other'
  let at = 0
  for (const spec of endpoints) if (spec === last[at]) at += 1
  if (at < last.length) return 'other'
  return endpoints.length === last.length ? 'none' : 'more'
}
