import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { type KeyUsageBit, readCertificate } from '../../src/identity/certificate.ts'
import type { AlternativeNames } from '../../src/identity/extensions.ts'
import { keyPem } from '../../src/identity/keys.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { spiffeIdOf } from '../../src/identity/spiffe-id.ts'
import { issueCertificate } from '../../src/identity/x509.ts'

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4'
const MINUTE = 60_000
const DAY = 86_400_000

export interface CaOptions {
  /** Default `test.example`. */
  readonly trustDomain?: string
  /** Common name; default `tulle test root <n>`. */
  readonly subject?: string
  /** The wall clock that certificates are dated by; default the machine's, as OpenSSL knows no other. */
  readonly wall?: () => number
  /** Of CA certificates. Default 10 years, begun a day ago. */
  readonly lifetimeMs?: number
  /** Names that may stand below (name constraints). */
  readonly permitted?: AlternativeNames
  /** Its own SPIFFE ID; default the trust domain's. `null`: none. */
  readonly uri?: string | null
  readonly isCa?: boolean
  readonly keyUsage?: readonly KeyUsageBit[]
}

/** A good SVID, unless told otherwise; each option makes it wrong in one way. */
export interface IssueOptions {
  readonly service?: string
  readonly trustDomain?: string
  readonly dc?: string
  /** In the place of the service's SPIFFE ID; `[]`: no URI name. */
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly emails?: readonly string[]
  readonly namesCritical?: boolean
  readonly isCa?: boolean
  readonly keyUsage?: readonly KeyUsageBit[]
  readonly keyUsageCritical?: boolean
  /** `[]`: no extended key usage. */
  readonly extendedKeyUsage?: readonly string[]
  readonly subject?: string
  /** Begins `backdateMs` (default 5 minutes) ago and ends `lifetimeMs` (default a day) from now. */
  readonly backdateMs?: number
  readonly lifetimeMs?: number
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly serial?: Uint8Array
  /** Signed by its own key instead of the CA's. */
  readonly selfSigned?: boolean
  /** Default: a fresh P-256 key. */
  readonly key?: KeyObject
  readonly publicKey?: KeyObject
}

export interface TestSvid {
  readonly der: Uint8Array
  readonly certPem: string
  /** PKCS#8. */
  readonly keyPem: string
  readonly key: KeyObject
  /** DER, leaf first, then the intermediate certificates; never the root. */
  readonly chain: readonly Uint8Array[]
  /** The same, one PEM each. */
  readonly chainPem: readonly string[]
}

let roots = 0

/** A CA for tests that can issue right and wrong certificates. */
export class TestCa {
  readonly trustDomain: string
  readonly key: KeyObject
  /** DER of this CA's own certificate. */
  readonly certificate: Uint8Array
  /** DER: what peers must believe. */
  readonly root: Uint8Array
  /** Delivered behind a leaf: this CA's certificate and those above it, without the root; empty for a root. */
  readonly above: readonly Uint8Array[]
  readonly #wall: () => number

  private constructor(
    options: CaOptions,
    key: KeyObject,
    certificate: Uint8Array,
    root: Uint8Array,
    above: readonly Uint8Array[],
  ) {
    this.trustDomain = options.trustDomain ?? 'test.example'
    this.key = key
    this.certificate = certificate
    this.root = root
    this.above = above
    this.#wall = options.wall ?? Date.now
  }

  static create(options: CaOptions = {}): TestCa {
    const { privateKey, publicKey } = makePair()
    const certificate = issueCertificate(caContent(options, publicKey), { key: privateKey })
    return new TestCa(options, privateKey, certificate, certificate, [])
  }

  /** A leaf that plays the CA: what it issues must be believed by nobody. */
  static misused(leaf: TestSvid, options: CaOptions = {}): TestCa {
    return new TestCa(options, leaf.key, leaf.der, leaf.chain.at(-1)!, leaf.chain)
  }

  get rootPem(): string {
    return pemOf('CERTIFICATE', this.root)
  }

  /** A CA below this one. */
  intermediate(options: CaOptions = {}): TestCa {
    const below = { trustDomain: this.trustDomain, wall: this.#wall, ...options }
    const { privateKey, publicKey } = makePair()
    const content = caContent({ subject: `tulle test intermediate ${++roots}`, ...below }, publicKey)
    const certificate = issueCertificate(content, this)
    return new TestCa(below, privateKey, certificate, this.root, [certificate, ...this.above])
  }

  /** This CA's name and key, signed by another: for peers that know only the other. DER. */
  crossSignedBy(other: TestCa, options: Pick<CaOptions, 'lifetimeMs'> = {}): Uint8Array {
    const facts = readCertificate(this.certificate)
    if (typeof facts === 'string') throw new Error(facts)
    const content = caContent(
      { trustDomain: this.trustDomain, wall: this.#wall, ...options },
      new X509Certificate(this.certificate).publicKey,
    )
    return issueCertificate({ ...content, subject: facts.subject }, other)
  }

  /** @param extra DER, delivered at the end of the chain: a cross-signed root, or what does not belong there. */
  issue(options: IssueOptions = {}, extra: readonly Uint8Array[] = []): TestSvid {
    const now = this.#wall()
    const pair = options.key === undefined ? makePair() : undefined
    const key = options.key ?? pair!.privateKey
    const id = spiffeIdOf(
      options.trustDomain ?? this.trustDomain,
      options.dc ?? 'dc1',
      options.service ?? 'orders',
    )
    const der = issueCertificate(
      {
        subject: options.subject,
        publicKey: options.publicKey ?? pair?.publicKey ?? key,
        notBeforeMs: options.notBeforeMs ?? now - (options.backdateMs ?? 5 * MINUTE),
        notAfterMs: options.notAfterMs ?? now + (options.lifetimeMs ?? DAY),
        serial: options.serial,
        isCa: options.isCa ?? false,
        keyUsage: options.keyUsage ?? ['digitalSignature'],
        keyUsageCritical: options.keyUsageCritical,
        extendedKeyUsage: options.extendedKeyUsage ?? [SERVER_AUTH, CLIENT_AUTH],
        names: {
          uris: options.uris ?? [id],
          dns: options.dns,
          ips: options.ips,
          emails: options.emails,
        },
        namesCritical: options.namesCritical,
      },
      options.selfSigned ? { key } : this,
    )
    const chain = [der, ...(options.selfSigned ? [] : this.above), ...extra]
    const chainPem = chain.map((each) => pemOf('CERTIFICATE', each))
    return { der, certPem: chainPem[0]!, keyPem: keyPem({ privateKey: key }), key, chain, chainPem }
  }
}

/**
 * One wrong kind of certificate (FAULTS 41): how to make it, and what its refusal names, be it TLS that finds it or the
 * judge.
 */
export interface WrongKind {
  readonly kind: string
  readonly options: IssueOptions
  readonly reason: RegExp
}

/** Signed by the right CA for the service `orders` (but for `self-signed`), and wrong in one way each. */
export function wrongKinds(trustDomain = 'test.example', nowMs = Date.now()): readonly WrongKind[] {
  const id = spiffeIdOf(trustDomain, 'dc1', 'orders')
  const other = spiffeIdOf(trustDomain, 'dc1', 'billing')
  return [
    {
      kind: 'expired',
      options: { notBeforeMs: nowMs - 2 * DAY, notAfterMs: nowMs - DAY },
      reason: /has expired/,
    },
    {
      kind: 'not yet valid',
      options: { notBeforeMs: nowMs + DAY, notAfterMs: nowMs + 2 * DAY },
      reason: /not yet valid/,
    },
    { kind: 'another trust domain', options: { trustDomain: 'elsewhere.example' }, reason: /trust domain/ },
    { kind: 'two URI SANs', options: { uris: [id, other] }, reason: /2 URI names/ },
    { kind: 'no URI SAN', options: { uris: [], dns: ['orders'] }, reason: /no URI name/ },
    { kind: 'CA:true', options: { isCa: true }, reason: /is a CA certificate/ },
    {
      kind: 'keyCertSign',
      options: { keyUsage: ['digitalSignature', 'keyCertSign'] },
      reason: /keyCertSign/,
    },
    {
      kind: 'wrong EKU',
      options: { extendedKeyUsage: [EMAIL_PROTECTION] },
      reason: /extended key usage/,
    },
    { kind: 'malformed SPIFFE path', options: { uris: [`${id}/../billing`] }, reason: /"\.\." segment/ },
    { kind: "another service's certificate", options: { service: 'billing' }, reason: /svc\/billing/ },
    { kind: 'self-signed', options: { selfSigned: true }, reason: /self-signed/ },
    {
      kind: 'a SAN that hides another in its text',
      options: { dns: [`a.test, URI:${id}`], uris: [other] },
      reason: /svc\/billing/,
    },
  ]
}

function makePair(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function caContent(options: CaOptions, publicKey: KeyObject) {
  const now = (options.wall ?? Date.now)()
  const { trustDomain = 'test.example', lifetimeMs = 3650 * DAY, permitted } = options
  const uri = options.uri === undefined ? `spiffe://${trustDomain}` : options.uri
  return {
    subject: options.subject ?? `tulle test root ${++roots}`,
    publicKey,
    notBeforeMs: now - DAY,
    notAfterMs: now + lifetimeMs,
    isCa: options.isCa ?? true,
    keyUsage: options.keyUsage ?? (['keyCertSign', 'cRLSign'] as const),
    ...(uri === null ? {} : { names: { uris: [uri] } }),
    ...(permitted === undefined ? {} : { permitted }),
  }
}
