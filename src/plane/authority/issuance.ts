import type { KeyObject } from 'node:crypto'
import { isMeshError } from '../../core/errors.ts'
import type { SvidWire } from '../../core/plane-wire.ts'
import type { Clock } from '../../core/ports.ts'
import { readCsr } from '../../identity/csr.ts'
import type { Bans } from '../access/bans.ts'
import type { Caller } from '../access/caller.ts'
import type { JoinTokens } from '../access/join-tokens.ts'
import { RateLimit, type RateOptions } from '../access/rate-limit.ts'
import { demandServiceName } from '../access/service-name.ts'
import { Refusal } from '../refusal.ts'
import type { Authority, Issued } from './authority.ts'
import type { Trust } from './trust.ts'

export interface IssuanceOptions {
  readonly authority: Authority
  readonly trust: Trust
  readonly tokens: JoinTokens
  readonly bans: Bans
  readonly clock: Clock
  /** Certificates per service; default 5 a second, 200 at once: all instances of one may start together. */
  readonly perService?: RateOptions | undefined
  /** Certificates in all; default 100 a second, 2,000 at once. */
  readonly inAll?: RateOptions | undefined
  /** For the audit log, after a certificate was signed. */
  readonly onIssued?: ((issued: Omit<Issued, 'chain'>, caller: Caller) => void) | undefined
}

/** Letters of PEM; a P-256 request with one name has about 500. */
const MOST_LETTERS = 8192
const ALL = ''

/** Who gets which certificate: POST /v1/svid. Every rule has its own sentence. */
export class Issuance {
  readonly #options: IssuanceOptions
  readonly #perService: RateLimit
  readonly #inAll: RateLimit

  constructor(options: IssuanceOptions) {
    this.#options = options
    this.#perService = new RateLimit(options.perService ?? { perSecond: 5, burst: 200 }, options.clock)
    this.#inAll = new RateLimit(options.inAll ?? { perSecond: 100, burst: 2000 }, options.clock)
  }

  /**
   * Rejects with a Refusal; with TULLE_STATE where the use of a token cannot be written, TULLE_PLANE where the CA is over.
   * @param request its shape checked by `svidRequestWire`
   */
  async svid(
    caller: Caller,
    { csr, service }: { readonly csr: string; readonly service: string },
  ): Promise<SvidWire> {
    const { authority, trust, tokens, onIssued } = this.#options
    this.#demandMay(caller, service)
    this.#demandRate(service)
    const publicKey = this.#keyOf(csr, service)
    if (caller.kind === 'join') {
      await tokens.use(caller.tokenId)
      // Time has passed in which somebody may have been banned.
      this.#demandNotBanned(service)
    }
    const { chain, ...issued } = authority.issue(service, publicKey)
    onIssued?.(issued, caller)
    return { chain: [...chain], trust: trust.document }
  }

  #demandMay(caller: Caller, service: string): void {
    demandServiceName(service)
    this.#demandNotBanned(service)
    if (caller.kind === 'anonymous')
      throw new Refusal(
        'unauthenticated',
        'a certificate is given for a join token or to who has one already',
      )
    if (caller.service === undefined)
      throw new Refusal('forbidden', 'the admin token gets no certificate: make a join token with it')
    if (caller.kind === 'join' && caller.service === '*') return
    if (caller.service !== service) {
      const what = caller.kind === 'join' ? `the join token ${caller.tokenId}` : 'your certificate'
      throw new Refusal('forbidden', `${what} is for "${caller.service}", not for "${service}"`)
    }
  }

  #demandNotBanned(service: string): void {
    if (this.#options.bans.has(service))
      throw new Refusal('forbidden', `the identity "${service}" is banned and gets no certificate`)
  }

  #demandRate(service: string): void {
    const wait = Math.max(this.#perService.wait(service), this.#inAll.wait(ALL))
    if (wait > 0)
      throw new Refusal('rate-limited', `too many certificates are asked for, for "${service}" or in all`, {
        retryAfterMs: Math.ceil(wait),
      })
    this.#perService.take(service)
    this.#inAll.take(ALL)
  }

  #keyOf(csr: string, service: string): KeyObject {
    if (csr.length > MOST_LETTERS)
      throw new Refusal('too-large', `a certificate request has at most ${MOST_LETTERS} letters`)
    const read = readCsr(csr)
    if (isMeshError(read)) throw new Refusal('malformed', read.message)
    const expected = this.#options.authority.idOf(service)
    if (read.id !== expected)
      throw new Refusal('forbidden', `the certificate request is for ${read.id}; "${service}" is ${expected}`)
    return read.publicKey
  }
}
