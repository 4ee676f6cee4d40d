import { MeshError } from '../../src/core/errors.ts'
import { type PlaneAnswer, type PlaneLink, PlaneRefusal, type PlaneRequest } from '../../src/core/plane.ts'
import type { Clock } from '../../src/core/ports.ts'
import { writeBundle } from '../../src/identity/bundle.ts'
import { readCsr } from '../../src/identity/csr.ts'
import { serviceOf } from '../../src/identity/spiffe-id.ts'
import { TestCa } from './certificates.ts'

export interface FakePlaneOptions {
  readonly clock: Clock
  readonly wall: () => number
  readonly trustDomain?: string
  readonly lifetimeMs?: number
}

/** A plane that is played: real certificates, no socket; it may be away, wrong, or refuse. */
export class FakePlane implements PlaneLink {
  readonly urls = ['https://plane.test:7400']
  readonly #clock: Clock
  readonly wall: () => number
  readonly requests: PlaneRequest[] = []
  lifetimeMs: number
  ca: TestCa
  /** The roots of the bundle, newest first. */
  roots: Uint8Array[]
  /** What is delivered behind the leaf: a cross-signed root. */
  extra: Uint8Array[] = []
  sequence = 1
  denied: string[] = []
  away = false
  refusal: PlaneRefusal | undefined
  /** Changes an answer to a certificate request on its way. */
  twist: (answer: { chain: string[]; trust: object }) => object = (answer) => answer
  /** In the place of the trust document. */
  trustBody: unknown
  #waiting = new Set<() => void>()
  readonly #listeners = new Set<() => void>()
  #version = 1

  constructor({ clock, wall, trustDomain = 'test.example', lifetimeMs = 86_400_000 }: FakePlaneOptions) {
    this.#clock = clock
    this.wall = wall
    this.lifetimeMs = lifetimeMs
    this.ca = TestCa.create({ trustDomain, wall })
    this.roots = [this.ca.root]
  }

  get asked(): PlaneRequest[] {
    return this.requests.filter(({ path }) => path === '/v1/svid')
  }

  trust(): { trustDomain: string; bundle: string; denied: string[] } {
    const bundle = writeBundle(this.roots, this.sequence)
    return { trustDomain: this.ca.trustDomain, bundle, denied: this.denied }
  }

  /** What is believed has changed: everybody who polls is told. */
  changed(): void {
    this.#version += 1
    for (const tell of [...this.#waiting]) tell()
  }

  ban(id: string): void {
    this.denied = [...this.denied, id]
    this.changed()
  }

  /** A new root signs from now on; the old one is believed too, and vouches for the new one. */
  rotate(): void {
    const old = this.ca
    this.ca = TestCa.create({ trustDomain: old.trustDomain, wall: this.wall })
    this.extra = [this.ca.crossSignedBy(old)]
    this.roots = [this.ca.root, old.root]
    this.sequence += 1
    this.changed()
  }

  /** Only the newest root is left. */
  retire(): void {
    this.roots = [this.ca.root]
    this.extra = []
    this.sequence += 1
    this.changed()
  }

  async send(request: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer> {
    this.requests.push(request)
    signal?.throwIfAborted()
    if (this.away) throw new MeshError('TULLE_PLANE', `${this.urls[0]} cannot be reached: ECONNREFUSED`)
    return request.path === '/v1/svid' ? this.#svid(request) : this.#trust(request, signal)
  }

  onReachable(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** It can be reached again, and whoever backs off is told. */
  back(): void {
    this.away = false
    for (const listener of [...this.#listeners]) listener()
  }

  async close(): Promise<void> {}

  #svid({ body }: PlaneRequest): PlaneAnswer {
    if (this.refusal !== undefined) throw this.refusal
    const { csr, service } = body as { csr: string; service: string }
    const read = readCsr(csr)
    if (read instanceof MeshError) throw new PlaneRefusal(400, undefined, read.message)
    if (serviceOf(read.id) !== service || this.denied.includes(read.id))
      throw new PlaneRefusal(403, undefined, `${read.id} is not for you`)
    const { publicKey } = read
    const { chainPem } = this.ca.issue(
      { uris: [read.id], publicKey, lifetimeMs: this.lifetimeMs },
      this.extra,
    )
    const answer = this.twist({ chain: [...chainPem], trust: this.trust() })
    return { status: 200, etag: undefined, body: answer }
  }

  #trust({ etag, waitMs = 0 }: PlaneRequest, signal?: AbortSignal): Promise<PlaneAnswer> {
    const answer = (): PlaneAnswer => ({
      status: 200,
      etag: `"${this.#version}"`,
      body: this.trustBody ?? this.trust(),
    })
    if (etag !== `"${this.#version}"`) return Promise.resolve(answer())
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(tell)
        disarm()
        settle()
      }
      const tell = (): void =>
        end(() =>
          this.away ? reject(new MeshError('TULLE_PLANE', 'the connection broke')) : resolve(answer()),
        )
      this.#waiting.add(tell)
      const disarm = this.#clock.background(waitMs, () =>
        end(() => resolve({ status: 304, etag, body: undefined })),
      )
      signal?.addEventListener('abort', () => end(() => reject(signal.reason)))
    })
  }
}
