import type { KeyObject } from 'node:crypto'
import { MeshError } from '../../core/errors.ts'
import { sha256Of, writeBundle } from '../../identity/bundle.ts'
import { pemOf } from '../../identity/pem.ts'
import { spiffeIdOf, wrongTrustDomain } from '../../identity/spiffe-id.ts'
import { instantOf } from '../../identity/time-text.ts'
import { Refusal } from '../refusal.ts'
import type { Store } from '../store.ts'
import type { BroughtCa } from './brought.ts'
import { endOf, factsOf, makeRoot, rootOf, type SigningCa } from './ca.ts'
import { issueLeaf } from './leaf.ts'
import { fromBase64, openCa, succeed } from './opening.ts'
import { proveCa } from './proof.ts'
import { type CaRecord, readCaRecord, writeCaRecord } from './record.ts'

export interface AuthorityOptions {
  readonly store: Store
  /** Wall-clock milliseconds. */
  readonly wall: () => number
  readonly trustDomain: string
  /** The `<dc>` of the SPIFFE IDs; default `dc1`, as Consul's. */
  readonly dc?: string | undefined
  /** How long an SVID lives, milliseconds, at least 1 s; default 24 h. Never longer than what signs it. */
  readonly ttlMs?: number | undefined
  /** A CA made elsewhere; its key is not stored. Without: a root made at the first start. */
  readonly brought?: BroughtCa | undefined
}

export interface Issued {
  readonly id: string
  /** PEM each: the leaf, what is between, during a rotation the new root signed by the old one, and the roots last. */
  readonly chain: readonly string[]
  /** Upper-case hexadecimal. */
  readonly serial: string
  /** Wall-clock milliseconds. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Of one CA certificate, for status pages and `tulle check`. */
export interface CaCertificateStatus {
  readonly sha256: string
  readonly notAfterMs: number
  readonly pem: string
}

export interface AuthorityStatus {
  readonly trustDomain: string
  /** `made` by this plane, or `brought` along. */
  readonly source: 'made' | 'brought'
  readonly sequence: number
  /** The signing certificate first, its root last. */
  readonly active: readonly CaCertificateStatus[]
  /** The root that is to be retired, and until when leaves of it may live. */
  readonly previous?: (CaCertificateStatus & { readonly leavesUntilMs: number }) | undefined
}

interface Settled {
  readonly store: Store
  readonly wall: () => number
  readonly trustDomain: string
  readonly dc: string
  readonly ttlMs: number
}

const DAY_MS = 24 * 3_600_000

/**
 * The certificate authority of one trust domain. Two states: settled (one root), and rotating (the new root signs, the
 * old one is still believed). settled → rotating: `rotate`, or a start with a CA of another root. rotating → settled:
 * `retire`. Each step is one durable write, and in force only after it.
 */
export class Authority {
  readonly #options: Settled
  #ca: SigningCa
  #record: CaRecord
  #roots: readonly Uint8Array[]
  /** While a rotation is being written: no leaf of the old root may outlive what the record says. */
  #latestMs = Number.POSITIVE_INFINITY
  #last: Promise<void> = Promise.resolve()
  readonly #listeners = new Set<() => void>()

  private constructor(options: Settled, ca: SigningCa, record: CaRecord) {
    this.#options = options
    this.#ca = ca
    this.#record = record
    this.#roots = rootsOf(ca, record)
  }

  /** Rejects with TULLE_CONFIG for options that mean nothing or do not fit what is stored, TULLE_STATE for what is unreadable. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { store, wall, trustDomain, dc = 'dc1', ttlMs = DAY_MS, brought } = options
    const wrong = wrongTrustDomain(trustDomain)
    if (wrong !== undefined)
      throw new MeshError(
        'TULLE_CONFIG',
        `"${trustDomain.slice(0, 300)}" cannot be a trust domain: ${wrong}.`,
      )
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(dc))
      throw new MeshError('TULLE_CONFIG', `"${dc.slice(0, 100)}" cannot be the name of a datacenter.`)
    if (!(ttlMs >= 1000 && ttlMs <= 366 * DAY_MS))
      throw new MeshError('TULLE_CONFIG', 'The lifetime of certificates must be between 1 s and 366 days.')
    const stored = await readCaRecord(store)
    const { ca, record } = await openCa(stored, { trustDomain, wallMs: wall(), ttlMs, brought })
    if (brought !== undefined) await proveCa(ca, trustDomain, wall())
    if (record !== stored) await writeCaRecord(store, record)
    return new Authority({ store, wall, trustDomain, dc, ttlMs }, ca, record)
  }

  get trustDomain(): string {
    return this.#options.trustDomain
  }

  /** DER: the active root first, then the one before as long as it is not retired. The same array until that changes. */
  get roots(): readonly Uint8Array[] {
    return this.#roots
  }

  /**
   * DER: what leads from leaves of ours to a root, for peers of whom only the leaf is known. Newer versions of Node give a
   * server no more (nodejs/node#65579).
   */
  get intermediates(): readonly Uint8Array[] {
    const { former = [], previous } = this.#record
    const cross = previous?.cross === undefined ? [] : [previous.cross]
    return [...this.#ca.chain.slice(0, -1), ...[...cross, ...former].map(fromBase64)]
  }

  /** Of the active root, lower-case hexadecimal: what join tokens made now carry. */
  get rootSha256(): string {
    return sha256Of(rootOf(this.#ca))
  }

  /** The roots as a SPIFFE bundle (JWKS). */
  get bundle(): string {
    return writeBundle(this.roots, this.#record.sequence)
  }

  /** The SPIFFE ID of a service. */
  idOf(service: string): string {
    return spiffeIdOf(this.#options.trustDomain, this.#options.dc, service)
  }

  /** The service of a SPIFFE ID that this authority gives out; undefined: it gives out no such. */
  serviceOf(id: string): string | undefined {
    const prefix = this.idOf('')
    const service = id.startsWith(prefix) ? id.slice(prefix.length) : ''
    return service === '' || service.includes('/') ? undefined : service
  }

  /**
   * Signs, for anybody: who may have what is decided by `Issuance`. Takes about 0.2 ms with a P-256 key.
   * @throws MeshError TULLE_PLANE where a certificate of the CA is over
   */
  issue(service: string, publicKey: KeyObject): Issued {
    const { ttlMs, wall } = this.#options
    const wallMs = wall()
    const endsMs = endOf(this.#ca.chain)
    if (endsMs - wallMs < 1000)
      throw new MeshError('TULLE_PLANE', `The CA has expired at ${instantOf(endsMs)} and can sign nothing.`, {
        layer: 'plane',
        hint: 'Rotate it (`tulle ca rotate`), or start the plane with a new one.',
      })
    const notAfterMs = Math.min(wallMs + ttlMs, endsMs, this.#latestMs)
    const id = this.idOf(service)
    const leaf = issueLeaf(this.#ca, { id, publicKey, wallMs, notAfterMs })
    const { serial, ...facts } = factsOf(leaf)
    return {
      id,
      serial,
      notBeforeMs: facts.notBeforeMs,
      notAfterMs: facts.notAfterMs,
      chain: [leaf, ...this.#above()].map((der) => pemOf('CERTIFICATE', der)),
    }
  }

  /**
   * A new root takes over, and the old one is still believed. @throws Refusal conflict: a rotation is under way, or the CA
   * was brought along. TULLE_STATE where it cannot be written; then nothing has changed.
   */
  rotate(): Promise<void> {
    return this.#step(async () => {
      const { trustDomain, ttlMs, wall } = this.#options
      const { previous, active } = this.#record
      if (active.key === undefined)
        throw new Refusal(
          'conflict',
          'the CA was brought along: start the plane with the new one to rotate it',
        )
      if (previous !== undefined)
        throw new Refusal('conflict', 'a rotation is under way: retire the old root first', {
          hint: `Certificates of the old root may live until ${instantOf(previous.leavesUntilMs)}.`,
        })
      const next = await makeRoot(trustDomain, wall())
      const record = succeed(this.#record, next, { made: true, ttlMs, wallMs: wall() })
      this.#latestMs = record.previous!.leavesUntilMs
      return { ca: next, record }
    })
  }

  /**
   * The old root is believed no more. @throws Refusal conflict: there is none, or certificates of it may still live and
   * `force` is not set. TULLE_STATE where it cannot be written; then nothing has changed.
   */
  retire({ force = false }: { readonly force?: boolean | undefined } = {}): Promise<void> {
    return this.#step(async () => {
      const { previous, ...rest } = this.#record
      if (previous === undefined)
        throw new Refusal('conflict', 'no rotation is under way: there is no old root')
      if (!force && this.#options.wall() < previous.leavesUntilMs)
        throw new Refusal(
          'conflict',
          `certificates of the old root may live until ${instantOf(previous.leavesUntilMs)}`,
          { hint: 'Who holds one is cut off if it is retired by force; do that only if its key was stolen.' },
        )
      return { ca: this.#ca, record: { ...rest, sequence: rest.sequence + 1 } }
    })
  }

  status(): AuthorityStatus {
    const { sequence, previous, active } = this.#record
    const old = previous === undefined ? undefined : statusOf(fromBase64(previous.root))
    return {
      trustDomain: this.#options.trustDomain,
      source: active.key === undefined ? 'brought' : 'made',
      sequence,
      active: this.#ca.chain.map(statusOf),
      ...(old === undefined || previous === undefined
        ? {}
        : { previous: { ...old, leavesUntilMs: previous.leavesUntilMs } }),
    }
  }

  /** After each change of the roots. A listener must not throw. @returns the removal */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * What follows a leaf. The cross-signed root stands before the same root signed by itself: a verifier that knows only
   * the old root takes the first issuer of the right name, and must come by it to what it knows.
   */
  #above(): readonly Uint8Array[] {
    const { previous } = this.#record
    const { chain } = this.#ca
    if (previous === undefined) return chain
    const cross = previous.cross === undefined ? [] : [fromBase64(previous.cross)]
    return [...chain.slice(0, -1), ...cross, rootOf(this.#ca), fromBase64(previous.root)]
  }

  #step(next: () => Promise<{ ca: SigningCa; record: CaRecord }>): Promise<void> {
    const run = async (): Promise<void> => {
      try {
        const { ca, record } = await next()
        await writeCaRecord(this.#options.store, record)
        this.#ca = ca
        this.#record = record
        this.#roots = rootsOf(ca, record)
      } finally {
        this.#latestMs = Number.POSITIVE_INFINITY
      }
      for (const listener of this.#listeners) listener()
    }
    const result = this.#last.then(run)
    this.#last = result.catch(() => undefined)
    return result
  }
}

function rootsOf(ca: SigningCa, { previous }: CaRecord): readonly Uint8Array[] {
  return Object.freeze([rootOf(ca), ...(previous === undefined ? [] : [fromBase64(previous.root)])])
}

function statusOf(der: Uint8Array): CaCertificateStatus {
  return { sha256: sha256Of(der), notAfterMs: factsOf(der).notAfterMs, pem: pemOf('CERTIFICATE', der) }
}
