import type { Clock } from '../../core/ports.ts'
import { Refusal } from '../refusal.ts'
import type { AdminToken } from './admin-token.ts'
import type { Bans } from './bans.ts'
import type { Caller, FailedAttempt, Proof } from './caller.ts'
import type { JoinTokens } from './join-tokens.ts'
import { RateLimit, type RateOptions } from './rate-limit.ts'
import { PLANE_SERVICE } from './service-name.ts'

export interface DoorOptions {
  readonly tokens: Pick<JoinTokens, 'verify'>
  readonly admin: AdminToken
  readonly bans: Pick<Bans, 'has'>
  /** The service that a SPIFFE ID names; undefined: it is none that this plane gives out. */
  readonly serviceOf: (id: string) => string | undefined
  /** Services whose SVID is as good as the admin token; default none. */
  readonly adminServices?: readonly string[] | undefined
  readonly clock: Clock
  /** Failed attempts of one address that are answered with their reason and reported; default 1 a second, 20 at once. */
  readonly failures?: RateOptions | undefined
  readonly onFailed: (attempt: FailedAttempt) => void
}

/**
 * Tells who asks. A proof that is brought must be good: a wrong token is never passed over for a right certificate. Who
 * fails too often is told to wait, but a good proof is always taken: whoever shares an address with an attacker is not
 * shut out with it.
 */
export class Door {
  readonly #options: DoorOptions
  readonly #failures: RateLimit
  readonly #unreported = new Map<string, number>()

  constructor(options: DoorOptions) {
    this.#options = options
    this.#failures = new RateLimit(options.failures ?? { perSecond: 1, burst: 20 }, options.clock)
  }

  /** @throws Refusal unauthenticated, forbidden, or rate-limited */
  authenticate(proof: Proof): Caller {
    const known: { service?: string; tokenId?: string } = {}
    try {
      const peer = proof.peerId === undefined ? undefined : this.#peer(proof.peerId, known)
      if (proof.bearer === undefined) return peer ?? { kind: 'anonymous' }
      return this.#bearer(proof.bearer, known)
    } catch (error) {
      if (error instanceof Refusal) throw this.#failed(error, proof.from, known)
      throw error
    }
  }

  #peer(id: string, known: { service?: string }): Caller {
    const service = this.#options.serviceOf(id)
    if (service === undefined || service === PLANE_SERVICE)
      throw new Refusal('forbidden', `${id} is not an identity that this plane gives to a service`)
    known.service = service
    this.#demandNotBanned(service)
    const admin = this.#options.adminServices?.includes(service) === true
    return { kind: admin ? 'admin' : 'service', service, id }
  }

  #bearer(text: string, known: { service?: string; tokenId?: string }): Caller {
    if (text.startsWith('tulle_admin_')) {
      if (this.#options.admin.matches(text)) return { kind: 'admin' }
      throw new Refusal('unauthenticated', 'this is not the admin token of this plane', {
        hint: 'It may have been replaced since; it is shown once, when it is made.',
      })
    }
    if (!text.startsWith('tulle_join_'))
      throw new Refusal(
        'unauthenticated',
        'the bearer token is neither a join token nor an admin token of tulle',
      )
    const { id: tokenId, service } = this.#options.tokens.verify(text)
    known.tokenId = tokenId
    known.service = service
    this.#demandNotBanned(service)
    return { kind: 'join', tokenId, service }
  }

  #demandNotBanned(service: string): void {
    if (this.#options.bans.has(service))
      throw new Refusal('forbidden', `the identity "${service}" is banned`, {
        hint: `An administrator lifts it: \`tulle identity unban ${service}\`.`,
      })
  }

  #failed(refusal: Refusal, from: string, known: { service?: string; tokenId?: string }): Refusal {
    const unreported = this.#unreported.get(from) ?? 0
    if (!this.#failures.take(from)) {
      // Addresses that are silent again are forgotten with their count; what was reported of them stays.
      if (this.#unreported.size >= 10_000) this.#unreported.clear()
      this.#unreported.set(from, unreported + 1)
      return new Refusal('rate-limited', 'too many failed attempts from this address', {
        retryAfterMs: Math.ceil(this.#failures.wait(from)),
      })
    }
    this.#unreported.delete(from)
    this.#options.onFailed({ reason: refusal.message, from, ...known, unreported })
    return refusal
  }
}
