import type { KeyObject } from 'node:crypto'
import type { ConsulAnswer, ConsulLink, ConsulRefusal, ConsulRequest } from '../../src/core/consul.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { Clock } from '../../src/core/ports.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { type IssueOptions, TestCa, type TestSvid } from './certificates.ts'

const MINUTE = 60_000
export const TRUST_DOMAIN = '11111111-2222-3333-4444-555555555555.consul'
const ROOTS = '/v1/agent/connect/ca/roots'
const LEAF = '/v1/agent/connect/ca/leaf/'

export interface ConnectCaOptions {
  readonly clock: Clock
  readonly wall: () => number
  readonly trustDomain?: string
  /** Of leaves; default Consul's, three days. */
  readonly lifetimeMs?: number
  /** Of every root alike; default a name of its own for each, as Consul does. */
  readonly subject?: string
}

/** An agent of Consul that is played: real certificates in Consul's shape, blocking queries, no socket. */
export class ConnectCa implements ConsulLink {
  readonly address = 'http://127.0.0.1:8500'
  readonly requests: ConsulRequest[] = []
  readonly #options: ConnectCaOptions
  readonly #leaves = new Map<string, TestSvid>()
  readonly #waiting = new Set<() => void>()
  readonly #listeners = new Set<() => void>()
  ca: TestCa
  /** All that are listed, the active one first. */
  roots: TestCa[]
  /** Delivered behind every leaf. */
  extra: Uint8Array[] = []
  /** Changes the certificates that are issued. */
  issuing: IssueOptions = {}
  away = false
  /** The query of the leaf alone never ends. */
  leafHangs = false
  refusal: ConsulRefusal | undefined
  twistLeaf: (body: Record<string, unknown>) => unknown = (body) => body
  twistRoots: (body: Record<string, unknown>) => unknown = (body) => body
  #rootsIndex = 9
  #leafIndex = 14

  constructor(options: ConnectCaOptions) {
    this.#options = options
    this.ca = this.#root()
    this.roots = [this.ca]
  }

  get trustDomain(): string {
    return this.#options.trustDomain ?? TRUST_DOMAIN
  }

  /** How often a leaf was asked for. */
  get asked(): number {
    return this.requests.filter(({ path }) => path.startsWith(LEAF)).length
  }

  /** A root more signs from now on; leaves stay what they are until `reissue`. */
  rotate(): void {
    const old = this.ca
    this.ca = this.#root()
    this.extra = [this.ca.crossSignedBy(old)]
    this.roots = [this.ca, old]
    this.changed('roots')
  }

  /** Only the newest root is left. */
  retire(): void {
    this.roots = [this.ca]
    this.changed('roots')
  }

  reissue(): void {
    this.#leaves.clear()
    this.changed('leaf')
  }

  back(): void {
    this.away = false
    for (const listener of [...this.#listeners]) listener()
  }

  send(request: ConsulRequest, signal?: AbortSignal): Promise<ConsulAnswer> {
    this.requests.push(request)
    if (this.away) return Promise.reject(unreachable())
    if (this.refusal !== undefined) return Promise.reject(this.refusal)
    return new Promise((resolve, reject) => {
      const about = request.path === ROOTS ? 'roots' : 'leaf'
      const answer = (): void => {
        end()
        if (this.away) reject(unreachable())
        else resolve(this.#answer(request.path))
      }
      const news = (): void => {
        if (this.away || this.#index(about) !== request.index) answer()
      }
      const end = (): void => {
        disarm()
        this.#waiting.delete(news)
        signal?.removeEventListener('abort', stop)
      }
      const stop = (): void => {
        end()
        reject(signal?.reason)
      }
      const blocks = request.index !== undefined && request.index === this.#index(about)
      const hangs = about === 'leaf' && this.leafHangs && request.index !== undefined
      const disarm = blocks && !hangs ? this.#options.clock.background(request.waitMs ?? 0, answer) : () => {}
      signal?.addEventListener('abort', stop, { once: true })
      if (hangs) return
      if (blocks) this.#waiting.add(news)
      else answer()
    })
  }

  /** The agent process ends: what waits fails, and so does all that is asked later. */
  leave(): void {
    this.away = true
    for (const tell of [...this.#waiting]) tell()
  }

  onReachable(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {}

  /** What stands behind it in the agent's answer; made when first asked for. */
  leaf(service: string): TestSvid {
    const known = this.#leaves.get(service)
    if (known !== undefined) return known
    const { lifetimeMs = 72 * 60 * MINUTE } = this.#options
    const made = this.ca.issue(
      {
        service,
        subject: `${service}.svc.default.11111111.consul`,
        backdateMs: MINUTE,
        lifetimeMs: lifetimeMs - MINUTE,
        keyUsage: ['digitalSignature', 'keyEncipherment', 'dataEncipherment', 'keyAgreement'],
        ...this.issuing,
      },
      this.extra,
    )
    this.#leaves.set(service, made)
    return made
  }

  #root(): TestCa {
    const { wall, subject } = this.#options
    return TestCa.create({
      trustDomain: this.trustDomain,
      wall,
      keyUsage: ['digitalSignature', 'keyCertSign', 'cRLSign'],
      ...(subject === undefined ? {} : { subject }),
    })
  }

  #index(about: 'roots' | 'leaf'): number {
    return about === 'roots' ? this.#rootsIndex : this.#leafIndex
  }

  /** What blocks is answered. */
  changed(about: 'roots' | 'leaf'): void {
    if (about === 'roots') this.#rootsIndex += 10
    else this.#leafIndex += 10
    for (const tell of [...this.#waiting]) tell()
  }

  #answer(path: string): ConsulAnswer {
    const isRoots = path === ROOTS
    const body = isRoots
      ? this.twistRoots(this.#rootsBody())
      : this.twistLeaf(this.#leafBody(path.slice(LEAF.length)))
    return {
      status: 200,
      index: this.#index(isRoots ? 'roots' : 'leaf'),
      digest: JSON.stringify(body),
      body,
      filtered: false,
      knownLeader: undefined,
    }
  }

  #rootsBody(): Record<string, unknown> {
    return {
      ActiveRootID: '17:39:a7',
      TrustDomain: this.trustDomain,
      Roots: this.roots.map((ca, at) => ({
        ID: `root ${at}`,
        Name: 'Consul CA Root Cert',
        RootCert: ca.rootPem,
        IntermediateCerts:
          at === 0 && this.extra.length > 0 ? this.extra.map((der) => pemOf('CERTIFICATE', der)) : null,
        Active: at === 0,
      })),
    }
  }

  #leafBody(service: string): Record<string, unknown> {
    const { key, chainPem } = this.leaf(service)
    return {
      SerialNumber: '0b',
      CertPEM: chainPem.join(''),
      PrivateKeyPEM: sec1(key),
      Service: service,
      ServiceURI: `spiffe://${this.trustDomain}/ns/default/dc/dc1/svc/${service}`,
      CreateIndex: this.#leafIndex,
    }
  }
}

/** As Consul writes private keys. */
const sec1 = (key: KeyObject): string => key.export({ type: 'sec1', format: 'pem' }).toString()

const unreachable = (): MeshError =>
  new MeshError('TULLE_CONSUL', 'no Consul agent at http://127.0.0.1:8500: connect ECONNREFUSED')
