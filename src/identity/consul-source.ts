import type { ConsulAnswer, ConsulLink } from '../core/consul.ts'
import { followConsul } from '../core/consul-follow.ts'
import { isMeshError, MeshError } from '../core/errors.ts'
import type { Following } from '../core/follow.ts'
import type { StateStore } from '../core/plane.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { LeafGuard } from './consul-guard.ts'
import { askLeaf, type ConsulLeaf, leafError, leafRequest, mayPass, readLeaf } from './consul-leaf.ts'
import { CONSUL, consulTrust } from './consul-roots.ts'
import { FirstWait } from './first-wait.ts'
import { Kept, type KeptCredentials } from './kept.ts'
import { judgeOwn } from './own.ts'
import { Problems } from './problems.ts'
import { stillRooted } from './rooted.ts'
import { sameBytes } from './same-bytes.ts'
import type { Credentials, Holding, IdentitySource, SourceHealth, Trust } from './source.ts'
import { type IdParts, siblingId } from './spiffe-id.ts'
import type { Svid } from './svid.ts'
import { instantOf } from './time-text.ts'
import { type RestoredTrust, TrustKeeper } from './trust-keeper.ts'

export interface ConsulIdentitySourceOptions {
  /** No other service's certificate is ever asked for. */
  readonly service: string
  readonly link: ConsulLink
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** Undefined: nothing outlives the process. */
  readonly store?: StateStore | undefined
  /** Whether the key may be kept on the disk; default true. */
  readonly stateKeys?: boolean | undefined
  /** How long `start` tries for the first certificate while the agent has none for us, in milliseconds; default 5000. */
  readonly startWithinMs?: number | undefined
}

interface Held extends Credentials {
  readonly svid: Svid
  readonly from: 'consul' | 'disk'
  readonly receivedMs: number
}

/** What an earlier run left, not yet used. */
interface Left {
  readonly credentials: KeptCredentials
  readonly trust: RestoredTrust
}

/** How long the agent may think at a start before what is kept is used, in milliseconds: it is on this machine. */
const PREFER_AGENT_MS = 1000
/** Our clock may be so far behind that of the server that signed, in milliseconds: Consul backdates by a minute only. */
const SKEW_MS = 300_000

/**
 * Certificates and trust from Consul's Connect CA, by the agent: two blocking queries, leaf and roots, and while a
 * renewal is overdue a third request beside them (`consul-guard.ts`). What is kept from an earlier run is used where the
 * agent cannot answer at the start; where it can, its word counts.
 */
export class ConsulIdentitySource implements IdentitySource {
  readonly name: string
  readonly #options: ConsulIdentitySourceOptions
  readonly #kept: Kept
  readonly #problems: Problems
  readonly #trust: TrustKeeper
  readonly #guard: LeafGuard
  #onHolding: (holding: Holding) => void = () => {}
  #held: Held | undefined
  /** Came, and is not in force: there are no roots yet to judge it by, or it was found wanting. */
  #offered: ConsulLeaf | undefined
  #left: Left | undefined
  #wait: FirstWait | undefined
  #following: Following | undefined

  constructor(options: ConsulIdentitySourceOptions) {
    const { service, link, clock, wall, random, log, store, stateKeys } = options
    this.#options = options
    this.name = `Consul ${link.address}`
    this.#problems = new Problems(log)
    this.#kept = new Kept({ service, store, keys: stateKeys ?? true, from: CONSUL.name, log })
    this.#trust = new TrustKeeper({
      feed: consulTrust({ link, clock, wall, random }),
      origin: CONSUL,
      wall,
      kept: this.#kept,
      problems: this.#problems,
      trustDomain: undefined,
      onTrust: () => this.#trustChanged(),
    })
    this.#guard = new LeafGuard({
      clock,
      wall,
      random,
      problems: this.#problems,
      ask: async (signal) => this.#answered(await askLeaf(link, service, signal)),
    })
  }

  async start(onHolding: (holding: Holding) => void, signal: AbortSignal): Promise<void> {
    this.#onHolding = onHolding
    // Of a start before this one: what comes now is told anew, the same though it be.
    this.#held = undefined
    this.#offered = undefined
    this.#left = await this.#leftover()
    signal.throwIfAborted()
    try {
      await this.#first(signal)
    } catch (error) {
      this.#stop()
      throw error
    }
  }

  health(): SourceHealth {
    const nowMs = this.#options.wall()
    const since = (thenMs: number | undefined) =>
      thenMs === undefined ? undefined : Math.max(0, nowMs - thenMs)
    return {
      from: this.#held?.from,
      certificateAgeMs: since(this.#held?.receivedMs),
      trustAgeMs: since(this.#trust.confirmedMs),
      renewalInMs: undefined,
      problem: [this.#problems.text, this.#kept.problem].filter(Boolean).join('; ') || undefined,
    }
  }

  async close(): Promise<void> {
    this.#stop()
    await this.#kept.written()
  }

  /**
   * The SPIFFE ID of a service of this trust domain, which all datacenters of a federation share; what is left out is as
   * in our own ID. Undefined before the first certificate, and where no such ID can be.
   */
  idOf(parts: IdParts): string | undefined {
    return this.#held === undefined ? undefined : siblingId(this.#held.svid.id, parts)
  }

  #stop(): void {
    this.#wait = undefined
    this.#following?.stop()
    this.#following = undefined
    this.#trust.stop()
    this.#guard.stop()
  }

  async #leftover(): Promise<Left | undefined> {
    const credentials = await this.#kept.credentials()
    const trust = await this.#trust.kept()
    return credentials === undefined || trust === undefined ? undefined : { credentials, trust }
  }

  /** Asks, and waits for what comes first: a certificate, a refusal that will not pass, or the end of patience. */
  async #first(signal: AbortSignal): Promise<void> {
    const { clock, startWithinMs = 5000 } = this.#options
    const wait = new FirstWait({
      clock,
      withinMs: startWithinMs,
      keptAfterMs: PREFER_AGENT_MS,
      useKept: () => this.#useLeft(),
      nothing: (latest) => this.#nothing(latest),
    })
    this.#wait = wait
    await wait.over(() => {
      this.#trust.follow()
      this.#followLeaf()
    }, signal)
    this.#wait = undefined
  }

  #followLeaf(): void {
    const { link, clock, random, service } = this.#options
    this.#following = followConsul({
      link,
      clock,
      random,
      request: () => leafRequest(service),
      onAnswer: (answer) => this.#answered(answer),
      onUnchanged: () => this.#confirmed(),
      onError: (error) => this.#failed(leafError(error, service)),
    })
  }

  /** @returns whether what was kept is in force now */
  #useLeft(): boolean {
    const left = this.#left
    this.#left = undefined
    if (left === undefined || this.#held !== undefined) return false
    const { credentials, trust } = left
    const svid = this.#judged(credentials, trust.trust)
    if (svid instanceof MeshError) {
      this.#problems.set('kept', `what is kept in ${this.#kept.place} is not used: ${svid.message}`)
      return false
    }
    this.#trust.adopt(trust)
    this.#hold({ ...credentials, svid, from: 'disk' })
    return true
  }

  /** Throws TULLE_CONSUL or TULLE_IDENTITY for what cannot become ours; what is held stays. */
  #answered({ body }: ConsulAnswer): void {
    this.#offered = readLeaf(body, this.#options.service, this.#options.link.address)
    this.#consider()
    this.#problems.clear('leaf')
  }

  #confirmed(): void {
    try {
      this.#consider()
      this.#problems.clear('leaf')
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    const why = wordsOf(error)
    this.#problems.set('leaf', `no news about our certificate: ${why}`)
    this.#wait?.failed(error, mayPass(error))
  }

  #consider(): void {
    const offered = this.#offered
    const trust = this.#trust.current
    // Roots and leaf are two answers: which of them comes first is chance.
    if (offered === undefined || trust === undefined) return
    if (this.#held !== undefined && sameBytes(this.#held.chain, offered.chain)) {
      this.#offered = undefined
      this.#held = { ...this.#held, from: 'consul' }
      return
    }
    const svid = this.#judged(offered, trust)
    if (svid instanceof MeshError) throw svid
    if (svid.id !== offered.uri)
      throw new MeshError(
        'TULLE_IDENTITY',
        `a certificate for ourselves is not taken: it is ${svid.id}, and the agent says ${offered.uri}`,
        { layer: 'identity' },
      )
    this.#offered = undefined
    const { chain, key } = offered
    const held = { chain, key, svid, from: 'consul', receivedMs: this.#options.wall() } as const
    this.#problems.clear('kept')
    this.#hold(held)
    void this.#kept.keep(held)
  }

  /** What begins in a moment is taken: peers have clocks of their own, and ours may be the one that is late. */
  #judged(credentials: Credentials, trust: Trust): Svid | MeshError {
    const { service, wall } = this.#options
    const nowMs = wall()
    const svid = judgeOwn(credentials, { trust, service, wallMs: nowMs })
    if (!(svid instanceof MeshError)) return svid
    const later = judgeOwn(credentials, { trust, service, wallMs: nowMs + SKEW_MS })
    return later instanceof MeshError || later.notBeforeMs <= nowMs ? svid : later
  }

  #hold(held: Held): void {
    const { log } = this.#options
    const { svid, from } = held
    this.#held = held
    const origin = from === 'consul' ? 'the Consul agent' : this.#kept.place
    log.info(`identity: ${svid.id} from ${origin}, valid until ${instantOf(svid.notAfterMs)}`)
    this.#guard.watch(svid)
    this.#tell()
    this.#wait?.held()
  }

  #trustChanged(): void {
    const before = this.#held
    this.#confirmed()
    const held = this.#held
    if (held === undefined) return
    // A new leaf was told with the new roots, as one.
    if (held === before) this.#tell()
    this.#guard.rooted(stillRooted(held.chain, this.#trust.current!.bundle.roots, this.#options.wall()))
  }

  #tell(): void {
    this.#onHolding({ trust: this.#trust.current!, credentials: this.#held })
  }

  #nothing(error: unknown): MeshError {
    const { service, link, startWithinMs = 5000 } = this.#options
    const nowhere =
      this.#kept.place === undefined ? 'no TULLE_STATE_DIR keeps one' : `none is kept in ${this.#kept.place}`
    const inVain = this.#problems.text ?? `no answer within ${startWithinMs} ms`
    const why = error === undefined ? inVain : wordsOf(error)
    // Most of what the link says names the agent already.
    const asked = why.includes(link.address) ? '' : `asked the Consul agent at ${link.address}; `
    return new MeshError(
      'TULLE_IDENTITY',
      `no certificate for "${service}": ${why} (${asked}${this.#problems.of('kept') ?? this.#kept.problem ?? nowhere})`,
      { layer: 'identity', cause: error, hint: isMeshError(error) ? error.hint : undefined },
    )
  }
}
