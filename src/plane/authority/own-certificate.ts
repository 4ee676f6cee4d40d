import type { Clock, Logger, Random } from '../../core/ports.ts'
import { keyPem, makeKey } from '../../identity/keys.ts'
import { PLANE_SERVICE } from '../access/service-name.ts'
import type { Authority } from './authority.ts'

/** What the plane's own server shows; PEM, as `createSecureContext` takes them. */
export interface ServerCertificate {
  readonly key: string
  /** The chain in one text, the roots last: who has only a join token finds there the one it pins. */
  readonly cert: string
  /** Wall-clock milliseconds. */
  readonly notAfterMs: number
}

export interface OwnCertificateOptions {
  readonly authority: Authority
  readonly clock: Clock
  readonly wall: () => number
  readonly random: Random
  readonly logger: Logger
}

/** How often the wall clock is looked at: it may jump, and the other one stands still while a machine sleeps. */
const LOOK_MS = 30_000

/**
 * The plane's own certificate: a fresh key each time, kept in memory only; renewed at half of its time, give or take a
 * tenth, and whenever the roots change.
 */
export class OwnCertificate {
  readonly #options: OwnCertificateOptions
  readonly #listeners = new Set<(certificate: ServerCertificate) => void>()
  readonly #stop: () => void
  #disarm: () => void = () => {}
  #current: ServerCertificate
  #renewAtMs = 0
  #closed = false

  private constructor(options: OwnCertificateOptions, first: ServerCertificate) {
    this.#options = options
    this.#current = first
    this.#plan()
    this.#stop = options.authority.onChange(() => void this.#renew())
  }

  /** Rejects as `Authority.issue` throws. */
  static async start(options: OwnCertificateOptions): Promise<OwnCertificate> {
    return new OwnCertificate(options, await make(options.authority))
  }

  get current(): ServerCertificate {
    return this.#current
  }

  /** A listener must not throw. @returns the removal */
  onChange(listener: (certificate: ServerCertificate) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#closed = true
    this.#disarm()
    this.#stop()
  }

  #plan(): void {
    const { wall, random } = this.#options
    const leftMs = Math.max(0, this.#current.notAfterMs - wall())
    this.#renewAtMs = wall() + leftMs * (0.45 + 0.1 * random())
    this.#arm()
  }

  #arm(): void {
    const { clock, wall } = this.#options
    this.#disarm()
    // Never sooner than in half a second: a CA at its end must not make a busy loop.
    const waitMs = Math.min(LOOK_MS, Math.max(500, this.#renewAtMs - wall()))
    this.#disarm = clock.background(waitMs, () => {
      if (wall() >= this.#renewAtMs) void this.#renew()
      else this.#arm()
    })
  }

  /** Where it fails the old one is kept, and it is tried again: at once after the next look. */
  async #renew(): Promise<void> {
    try {
      const next = await make(this.#options.authority)
      if (this.#closed) return
      this.#current = next
      this.#plan()
      for (const listener of this.#listeners) listener(next)
    } catch (error) {
      if (this.#closed) return
      this.#options.logger.error('the plane cannot renew its own certificate', { error })
      this.#renewAtMs = this.#options.wall() + LOOK_MS
      this.#arm()
    }
  }
}

async function make(authority: Authority): Promise<ServerCertificate> {
  const keys = await makeKey()
  const { chain, notAfterMs } = authority.issue(PLANE_SERVICE, keys.publicKey)
  return { key: keyPem(keys), cert: chain.join(''), notAfterMs }
}
