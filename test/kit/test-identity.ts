import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { MeshError } from '../../src/core/errors.ts'
import type { Identity, IdentityChange, TlsMaterial, VerifiedPeer } from '../../src/core/identity.ts'
import { judge } from '../../src/identity/judge.ts'
import { pemOf } from '../../src/identity/pem.ts'
import { withService } from '../../src/identity/spiffe-id.ts'
import type { IssueOptions, TestCa, TestSvid } from './certificates.ts'

export interface TestIdentityOptions {
  readonly ca: TestCa
  /** Our own service; default `web`. */
  readonly service?: string
  readonly wall?: () => number
  /** Before the first certificate. */
  readonly bare?: boolean
}

/** An identity that a test steers: renewals, roots and bans by hand, the judging that of the identity room. */
export class TestIdentity implements Identity {
  readonly denied = new Set<string>()
  readonly listeners = new Set<(change: IdentityChange) => void>()
  current: TlsMaterial | undefined
  id: string | undefined
  svid: TestSvid | undefined
  roots: readonly Uint8Array[]
  /** Contexts that were handed out, by generation. */
  generation = 0
  readonly #service: string
  readonly #trustDomain: string
  readonly #wall: () => number

  constructor({ ca, service = 'web', wall = Date.now, bare = false }: TestIdentityOptions) {
    this.#service = service
    this.#trustDomain = ca.trustDomain
    this.#wall = wall
    this.roots = [ca.root]
    if (!bare) this.take(ca)
  }

  /** A new certificate; tells nobody. */
  take(ca: TestCa, options: IssueOptions = {}): void {
    const lifetimeMs = options.lifetimeMs ?? 86_400_000
    this.svid = ca.issue({ service: this.#service, ...options })
    this.id = `spiffe://${this.#trustDomain}/ns/default/dc/dc1/svc/${this.#service}`
    this.#make(this.#wall() - 300_000, this.#wall() + lifetimeMs)
  }

  /** Other roots; tells nobody. */
  trust(roots: readonly Uint8Array[]): void {
    this.roots = roots
    if (this.current !== undefined) this.#make(this.current.notBeforeMs, this.current.notAfterMs)
  }

  tell(change: IdentityChange): void {
    for (const listener of [...this.listeners]) listener(change)
  }

  refusal(): MeshError | undefined {
    if (this.current === undefined) return new MeshError('TULLE_IDENTITY', 'there is no certificate yet')
    if (this.#wall() < this.current.notAfterMs) return undefined
    return new MeshError('TULLE_IDENTITY_EXPIRED', 'our certificate has expired')
  }

  idOf(service: string): string | undefined {
    return this.id === undefined ? undefined : withService(this.id, this.#service, service)
  }

  judge(chain: readonly Uint8Array[], expected?: string): VerifiedPeer | MeshError {
    return judge(chain, {
      trustDomain: this.#trustDomain,
      denied: this.denied,
      wallMs: this.#wall(),
      expected,
    })
  }

  objection(peer: VerifiedPeer): MeshError | undefined {
    if (this.denied.has(peer.id)) return new MeshError('TULLE_PEER', `The peer ${peer.id} is banned.`)
    if (peer.chain.some((each) => this.roots.some((root) => isSignedBy(each, root)))) return undefined
    return new MeshError('TULLE_PEER', `The root of the peer ${peer.id} is gone.`)
  }

  onChange(listener: (change: IdentityChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  #make(notBeforeMs: number, notAfterMs: number): void {
    const { keyPem, chainPem } = this.svid!
    const context: SecureContext = createSecureContext({
      key: keyPem,
      cert: chainPem.join(''),
      ca: this.roots.map((root) => pemOf('CERTIFICATE', root)),
      minVersion: 'TLSv1.2',
    })
    this.current = { generation: ++this.generation, context, notBeforeMs, notAfterMs }
  }
}

const isSignedBy = (below: Uint8Array, above: Uint8Array): boolean =>
  new X509Certificate(below).verify(new X509Certificate(above).publicKey)
