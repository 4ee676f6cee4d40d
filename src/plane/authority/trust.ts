import { createHash } from 'node:crypto'
import type { TrustWire } from '../../core/plane-wire.ts'
import type { Bans } from '../access/bans.ts'
import type { Authority } from './authority.ts'

/** What GET /v1/trust answers: whose signatures count in this trust domain, and whom nobody talks to. */
export class Trust {
  readonly #authority: Authority
  readonly #bans: Bans
  readonly #listeners = new Set<() => void>()
  #document!: TrustWire
  #json!: string
  #etag!: string

  constructor({ authority, bans }: { readonly authority: Authority; readonly bans: Bans }) {
    this.#authority = authority
    this.#bans = bans
    this.#make()
    const changed = (): void => {
      this.#make()
      for (const listener of [...this.#listeners]) listener()
    }
    authority.onChange(changed)
    bans.onChange(changed)
  }

  /** Frozen; another object after each change. */
  get document(): TrustWire {
    return this.#document
  }

  /** Follows from the document alone, so that a restart of the plane changes nothing for who waits. Without quotes. */
  etag(): string {
    return this.#etag
  }

  /** The document as it goes over the wire. */
  json(): string {
    return this.#json
  }

  /** A listener must not throw. @returns the removal */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #make(): void {
    this.#document = Object.freeze({
      trustDomain: this.#authority.trustDomain,
      bundle: this.#authority.bundle,
      denied: this.#bans.list().map(({ service }) => this.#authority.idOf(service)),
    })
    this.#json = JSON.stringify(this.#document)
    this.#etag = createHash('sha256').update(this.#json).digest('hex').slice(0, 32)
  }
}
