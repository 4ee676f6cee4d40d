import { MeshError, stormError } from '../core/errors.ts'
import type { Identity, IdentityChange, TlsMaterial, VerifiedPeer } from '../core/identity.ts'
import type { Clock, Logger, Part } from '../core/ports.ts'
import { alarm } from './alarm.ts'
import { rootsPem } from './bundle.ts'
import { certificateLevels, type IdentityHealth } from './identity-health.ts'
import { judge } from './judge.ts'
import { Objections } from './objections.ts'
import type { Credentials, Holding, IdentitySource, Trust } from './source.ts'
import { withService } from './spiffe-id.ts'
import { instantOf } from './time-text.ts'
import { tlsMaterial } from './tls-material.ts'
import { missing } from './trust.ts'

/** Longer than any handshake takes, in milliseconds: one that ends now may have begun by roots that are gone. */
const HANDSHAKE_MS = 60_000
/** How many intermediates are remembered. */
const KNOWN = 5

export interface MeshIdentityOptions {
  readonly service: string
  readonly source: IdentitySource
  readonly clock: Clock
  readonly wall: () => number
  readonly log: Logger
}

/**
 * Who this process is and whom it believes. Certificates and trust come from a source; what handshakes use is made once for
 * each change. Fails closed: without a certificate, or when ours is over, there is a refusal and no handshake.
 */
export class MeshIdentity implements Identity, Part {
  readonly name = 'identity'
  readonly #service: string
  readonly #source: IdentitySource
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #log: Logger
  readonly #objections = new Objections()
  readonly #listeners = new Set<(change: IdentityChange) => void>()
  #id: string | undefined
  #current: TlsMaterial | undefined
  #credentials: Credentials | undefined
  #trust: Trust | undefined
  #roots: readonly string[] | undefined
  /** Of our own chains, the newest first: peers have the same, or those of a little earlier. */
  #intermediates: readonly Uint8Array[] = []
  #generation = 0
  /** When somebody last lost our trust, in `Clock.now()` milliseconds. */
  #lostMs = Number.NEGATIVE_INFINITY
  /** What came and could not be used: what was there before is still in force. */
  #unusable: string | undefined
  #disarmEnd = (): void => {}

  constructor({ service, source, clock, wall, log }: MeshIdentityOptions) {
    this.#service = service
    this.#source = source
    this.#clock = clock
    this.#wall = wall
    this.#log = log
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#source.start((holding) => this.#take(holding), signal)
  }

  async close(): Promise<void> {
    this.#disarmEnd()
    await this.#source.close()
  }

  get id(): string | undefined {
    return this.#id
  }

  get current(): TlsMaterial | undefined {
    return this.#current
  }

  /** The roots we believe, PEM each; undefined where none are known yet. Known before there is a certificate. */
  get roots(): readonly string[] | undefined {
    return this.#roots
  }

  get trustDomain(): string | undefined {
    return this.#trust?.bundle.trustDomain
  }

  refusal(): MeshError | undefined {
    if (this.#current === undefined)
      return stormError(
        'TULLE_IDENTITY',
        `"${this.#service}" has no certificate yet; it comes from ${this.#source.name}`,
        { layer: 'identity' },
      )
    const { notAfterMs } = this.#current
    return this.#wall() > notAfterMs ? this.#expired(notAfterMs) : undefined
  }

  idOf(service: string): string | undefined {
    return this.#id === undefined ? undefined : withService(this.#id, this.#service, service)
  }

  judge(chain: readonly Uint8Array[], expected?: string): VerifiedPeer | MeshError {
    const trust = this.#trust
    if (trust === undefined) return this.refusal() ?? untrusting()
    const { denied, bundle } = trust
    const rules = { trustDomain: bundle.trustDomain, denied, wallMs: this.#wall(), expected }
    const peer = judge(chain, rules)
    if (!(peer instanceof MeshError) && this.#clock.now() - this.#lostMs > HANDSHAKE_MS)
      this.#objections.verified(peer, trust)
    return peer
  }

  objection(peer: VerifiedPeer): MeshError | undefined {
    if (this.#trust === undefined) return untrusting()
    return this.#objections.of(peer, this.#trust, this.#intermediates, this.#wall())
  }

  onChange(listener: (change: IdentityChange) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  health(): IdentityHealth {
    const health = this.#source.health()
    const refusal = this.refusal()?.message
    const banned = this.#id !== undefined && this.#trust?.denied.has(this.#id) === true
    const problems = [refusal, banned ? `${this.#id} is banned` : undefined, this.#unusable, health.problem]
    return {
      ...health,
      id: this.#id,
      trustDomain: this.trustDomain,
      source: this.#source.name,
      notAfterMs: this.#current?.notAfterMs,
      levels: certificateLevels(this.#credentials, this.#trust, this.#wall()),
      denied: this.#trust?.denied.size ?? 0,
      problem: problems.filter((each) => each !== undefined).join('; ') || undefined,
    }
  }

  #take({ trust, credentials }: Holding): void {
    const before = this.#trust
    const renewed = credentials !== undefined && credentials.chain !== this.#credentials?.chain
    if (trust === before && !renewed) return
    if (credentials !== undefined && !this.#renew(credentials, trust)) return
    this.#trust = trust
    this.#roots = rootsPem(trust.bundle)
    const lost = before !== undefined && loses(before, trust)
    if (lost) this.#lostMs = this.#clock.now()
    if (credentials === undefined) return
    const grown = before !== undefined && missing(trust.bundle.roots, before.bundle.roots).length > 0
    if (renewed || grown || !lost) this.#announce('renewed')
    if (lost) this.#announce('trust')
  }

  /** One context for each generation; where it cannot be made, everything stays as it was. */
  #renew(credentials: Credentials, trust: Trust): boolean {
    const made = tlsMaterial(credentials, trust.bundle.roots, this.#wall())
    if (made instanceof MeshError) {
      this.#unusable = made.message
      this.#log.error(`identity: ${made.message}`, { code: made.code })
      return false
    }
    const { notBeforeMs, notAfterMs, id } = made.svid
    this.#unusable = undefined
    this.#generation += 1
    this.#id = id
    this.#credentials = credentials
    const above = credentials.chain.slice(1)
    this.#intermediates = [...above, ...missing(this.#intermediates, above)].slice(0, KNOWN)
    this.#current = Object.freeze({
      generation: this.#generation,
      context: made.context,
      notBeforeMs,
      notAfterMs,
    })
    this.#disarmEnd()
    this.#disarmEnd = alarm(this.#clock, this.#wall, notAfterMs + 1, () => this.#ended())
    return true
  }

  #ended(): void {
    const refusal = this.refusal()
    if (refusal !== undefined)
      this.#log.error(
        `identity: ${refusal.message}; until it does, nobody is called and nobody served over mutual TLS`,
      )
  }

  /** Says when, and not how long ago: who logs what is new only would log it every second. */
  #expired(notAfterMs: number): MeshError {
    return stormError(
      'TULLE_IDENTITY_EXPIRED',
      `the certificate of ${this.#id} expired at ${instantOf(notAfterMs)}, and ${this.#source.name} has brought no other`,
      { layer: 'identity' },
    )
  }

  #announce(change: IdentityChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }
}

/** Whether somebody who was believed may not be any more. */
function loses(before: Trust, after: Trust): boolean {
  if (missing(before.bundle.roots, after.bundle.roots).length > 0) return true
  for (const id of after.denied) if (!before.denied.has(id)) return true
  return false
}

function untrusting(): MeshError {
  return new MeshError('TULLE_PEER', 'no peer can be believed: there is no trust bundle yet', {
    layer: 'identity',
  })
}
