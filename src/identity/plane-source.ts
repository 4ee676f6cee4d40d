import { isMeshError, MeshError } from '../core/errors.ts'
import { type PlaneLink, PlaneRefusal, type StateStore } from '../core/plane.ts'
import { readToken } from '../core/plane-wire.ts'
import type { Clock, Logger, Random } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { alarm } from './alarm.ts'
import { askForSvid } from './issue.ts'
import { Kept } from './kept.ts'
import { judgeOwn } from './own.ts'
import { pause } from './pause.ts'
import { planeTrust } from './plane-trust.ts'
import { Problems } from './problems.ts'
import { renewalAt, renewalBackoffMs } from './renewal.ts'
import { stillRooted } from './rooted.ts'
import type { Credentials, Holding, IdentitySource, SourceHealth } from './source.ts'
import { spiffeIdOf } from './spiffe-id.ts'
import type { Svid } from './svid.ts'
import { instantOf, spanOf } from './time-text.ts'
import { PLANE } from './trust.ts'
import { TrustKeeper } from './trust-keeper.ts'

export interface PlaneSourceOptions {
  readonly service: string
  readonly link: PlaneLink
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly log: Logger
  /** The join token that the link shows; here only what it says of service, trust domain and data centre is read. */
  readonly token?: string | undefined
  /** Ours, where configuration names it; default the token's. */
  readonly trustDomain?: string | undefined
  /** Undefined: nothing outlives the process. */
  readonly store?: StateStore | undefined
  /** Whether the key may be kept on the disk; default true. */
  readonly stateKeys?: boolean | undefined
  /** How long `start` tries for the first certificate while no plane can be reached, in milliseconds; default 5000. */
  readonly startWithinMs?: number | undefined
}

interface Held extends Credentials {
  readonly svid: Svid
  readonly from: 'plane' | 'disk'
  readonly receivedMs: number
}

/**
 * Certificates and trust from the plane. A certificate kept from an earlier run is used at once while it is valid, whether
 * there is a plane or not.
 *
 * waiting -> (50-70 % of the time gone, or our root lost) asking -> waiting; asking -> (failed) backing off -> asking.
 * A failure keeps what there is; when that ends, asking goes on. Each certificate has a key of its own.
 */
export class PlaneSource implements IdentitySource {
  readonly name: string
  readonly #options: PlaneSourceOptions
  readonly #kept: Kept
  readonly #problems: Problems
  readonly #trust: TrustKeeper
  #onHolding: (holding: Holding) => void = () => {}
  #held: Held | undefined
  #renewalMs: number | undefined
  #failures = 0
  /** The plane did not believe our SVID, so the token is shown next. */
  #distrusted = false
  #asking = false
  #disarm = (): void => {}
  #unlisten = (): void => {}
  #life = new AbortController()

  constructor(options: PlaneSourceOptions) {
    const { service, link, clock, wall, random, log, token, store, stateKeys } = options
    this.#options = options
    this.name = `plane ${link.urls.join(', ')}`
    this.#problems = new Problems(log)
    this.#kept = new Kept({ service, store, keys: stateKeys ?? true, log })
    this.#trust = new TrustKeeper({
      feed: planeTrust({ link, clock, random }),
      origin: PLANE,
      wall,
      kept: this.#kept,
      problems: this.#problems,
      trustDomain: options.trustDomain ?? readToken(token ?? '')?.trustDomain,
      onTrust: () => this.#trustChanged(),
    })
  }

  async start(onHolding: (holding: Holding) => void, signal: AbortSignal): Promise<void> {
    this.#life = new AbortController()
    this.#onHolding = onHolding
    const stop = (): void => this.#life.abort(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#restore()
      signal.throwIfAborted()
      if (this.#held === undefined) await this.#first()
    } finally {
      signal.removeEventListener('abort', stop)
    }
    this.#life.signal.throwIfAborted()
    this.#schedule()
    this.#unlisten = this.#options.link.onReachable?.(() => this.#planeIsBack()) ?? (() => {})
    this.#trust.follow()
  }

  health(): SourceHealth {
    const nowMs = this.#options.wall()
    const since = (thenMs: number | undefined) =>
      thenMs === undefined ? undefined : Math.max(0, nowMs - thenMs)
    return {
      from: this.#held?.from,
      certificateAgeMs: since(this.#held?.receivedMs),
      trustAgeMs: since(this.#trust.confirmedMs),
      renewalInMs: this.#renewalMs === undefined ? undefined : this.#renewalMs - nowMs,
      problem: [this.#problems.text, this.#kept.problem].filter(Boolean).join('; ') || undefined,
    }
  }

  async close(): Promise<void> {
    this.#life.abort(new MeshError('TULLE_CLOSED', 'the identity is closed', { layer: 'identity' }))
    this.#disarm()
    this.#unlisten()
    this.#trust.stop()
    await this.#kept.written()
  }

  async #restore(): Promise<void> {
    const believed = await this.#trust.kept()
    if (believed !== undefined) {
      this.#trust.adopt(believed)
      this.#trustChanged()
    }
    const credentials = await this.#kept.credentials()
    const trust = this.#trust.current
    if (credentials === undefined || trust === undefined) return
    const { wall, service, log } = this.#options
    const svid = judgeOwn(credentials, { trust, service, wallMs: wall() })
    if (svid instanceof MeshError) {
      this.#problems.set('kept', `what is kept in ${this.#kept.place} is not used: ${svid.message}`)
      return
    }
    this.#held = { ...credentials, svid, from: 'disk' }
    log.info(`identity: ${svid.id} from ${this.#kept.place}, valid until ${instantOf(svid.notAfterMs)}`)
    this.#tell()
  }

  /** The first certificate: a plane that is away is waited for, for a while; one that refuses is not. */
  async #first(): Promise<void> {
    const { clock, random, startWithinMs = 5000 } = this.#options
    const untilMs = clock.now() + startWithinMs
    for (let failures = 1; ; failures++) {
      try {
        return await this.#renew()
      } catch (error) {
        this.#life.signal.throwIfAborted()
        const waitMs = renewalBackoffMs(failures, 0, random)
        if (!mayPass(error) || clock.now() + waitMs > untilMs) throw this.#nothing(error)
        await pause(clock, waitMs, this.#life.signal)
      }
    }
  }

  async #renew(): Promise<void> {
    const { link, clock, wall, service, log } = this.#options
    const { signal } = this.#life
    const auth = this.#auth()
    const answer = await askForSvid({ link, clock, service, id: this.#wantedId(), auth, signal })
    signal.throwIfAborted()
    const { credentials } = answer
    const trust = this.#trust.judged(answer.trust)
    const svid = judgeOwn(credentials, { trust, service, wallMs: wall() })
    if (svid instanceof MeshError) throw svid
    const held = { ...credentials, svid, from: 'plane', receivedMs: wall() } as const
    this.#held = held
    this.#distrusted = false
    this.#failures = 0
    for (const about of ['renewal', 'kept']) this.#problems.clear(about)
    log.info(`identity: ${svid.id} from the plane, valid until ${instantOf(svid.notAfterMs)}`)
    this.#trust.take(trust, answer.trust)
    this.#tell()
    void this.#kept.keep(held)
  }

  #wantedId(): string {
    if (this.#held !== undefined) return this.#held.svid.id
    const { service, trustDomain } = this.#options
    const token = readToken(this.#options.token ?? '')
    const domain = this.#trust.current?.bundle.trustDomain ?? trustDomain ?? token?.trustDomain
    if (domain === undefined)
      throw new MeshError(
        'TULLE_IDENTITY',
        'there is no join token to ask the plane for a first certificate with',
        {
          layer: 'identity',
          hint: `Make one with \`tulle token create ${service}\`, and set TULLE_JOIN_TOKEN or TULLE_JOIN_TOKEN_FILE.`,
        },
      )
    return spiffeIdOf(domain, token?.dc ?? 'dc1', service)
  }

  #auth(): 'token' | 'identity' {
    const { token, service, wall } = this.#options
    const valid = this.#held !== undefined && this.#held.svid.notAfterMs > wall()
    if (token === undefined || (valid && !this.#distrusted)) return 'identity'
    const bound = readToken(token)?.service ?? '*'
    if (bound === '*' || bound === service) return 'token'
    throw new MeshError('TULLE_IDENTITY', `the join token is for "${bound}", and this is "${service}"`, {
      layer: 'identity',
      hint: `Make one: tulle token create ${service}`,
    })
  }

  #schedule(): void {
    if (this.#held === undefined || this.#life.signal.aborted) return
    const { wall, random } = this.#options
    this.#arm(renewalAt(this.#held.svid, this.#held.receivedMs, wall(), random))
  }

  #arm(atMs: number): void {
    const { clock, wall } = this.#options
    this.#disarm()
    this.#renewalMs = atMs
    this.#disarm = alarm(clock, wall, atMs, () => this.#attempt())
  }

  #attempt(): void {
    this.#asking = true
    this.#renew()
      .then(
        () => this.#schedule(),
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#asking = false
      })
  }

  #failed(error: unknown): void {
    if (this.#life.signal.aborted) return
    const { wall, random } = this.#options
    this.#failures += 1
    // A plane that was made anew, or whose root we lost, does not know our SVID, but may know our token.
    this.#distrusted = error instanceof PlaneRefusal && !this.#distrusted
    const leftMs = this.#held!.svid.notAfterMs - wall()
    const until = leftMs > 0 ? `ends in ${spanOf(leftMs)}` : `ended ${spanOf(-leftMs)} ago`
    const why = wordsOf(error)
    this.#problems.set('renewal', `our certificate, which ${until}, could not be renewed: ${why}`, why)
    this.#arm(wall() + renewalBackoffMs(this.#failures, leftMs, random))
  }

  #planeIsBack(): void {
    if (this.#failures > 0 && !this.#asking) this.#arm(this.#options.wall())
  }

  #trustChanged(): void {
    this.#tell()
    const trust = this.#trust.current
    const { wall } = this.#options
    if (trust === undefined || this.#held === undefined || this.#asking) return
    // Our own root is gone: peers refuse us from now on, so this renewal does not wait for its time.
    if (!stillRooted(this.#held.chain, trust.bundle.roots, wall())) this.#arm(wall())
  }

  #tell(): void {
    this.#onHolding({ trust: this.#trust.current!, credentials: this.#held })
  }

  #nothing(error: unknown): MeshError {
    const { service, link } = this.#options
    const { place } = this.#kept
    const kept = place === undefined ? 'and no TULLE_STATE_DIR keeps one' : `and none is kept in ${place}`
    const urls = link.urls.join(', ')
    return new MeshError(
      'TULLE_IDENTITY',
      `no certificate for "${service}": ${wordsOf(error)} (asked ${urls}; ${this.health().problem ?? kept})`,
      { layer: 'identity', cause: error, hint: isMeshError(error) ? error.hint : undefined },
    )
  }
}

/** Whether asking again may help: nobody there, or too much asked at once. */
function mayPass(error: unknown): boolean {
  return error instanceof PlaneRefusal
    ? error.status === 429
    : isMeshError(error) && error.code === 'TULLE_PLANE'
}
