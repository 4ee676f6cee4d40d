import { createHash } from 'node:crypto'
import type { TrustWire } from '../../core/plane-wire.ts'
import type { Bans } from '../access/bans.ts'
import type { Authority } from './authority.ts'

export interface TrustState {
  readonly document: TrustWire
  /** Follows from the document, so that a restart of the plane changes nothing for who waits. Without quotes. */
  readonly etag: string
}

/** What GET /v1/trust answers: whose signatures count in this trust domain, and whom nobody talks to. */
export class Trust {
  readonly #authority: Authority
  readonly #bans: Bans
  readonly #listeners = new Set<() => void>()
  #current: TrustState

  constructor({ authority, bans }: { readonly authority: Authority; readonly bans: Bans }) {
    this.#authority = authority
    this.#bans = bans
    this.#current = this.#make()
    const changed = (): void => {
      this.#current = this.#make()
      for (const listener of this.#listeners) listener()
    }
    authority.onChange(changed)
    bans.onChange(changed)
  }

  get current(): TrustState {
    return this.#current
  }

  /** A listener must not throw. @returns the removal */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #make(): TrustState {
    const document: TrustWire = Object.freeze({
      trustDomain: this.#authority.trustDomain,
      bundle: this.#authority.bundle,
      denied: this.#bans.list().map(({ service }) => this.#authority.idOf(service)),
    })
    const etag = createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 32)
    return Object.freeze({ document, etag })
  }
}
