import { MeshError } from './core/errors.ts'
import type { Identity, IdentityChange, TlsMaterial, VerifiedPeer } from './core/identity.ts'
import type { Part } from './core/ports.ts'
import type { IdentityHealth } from './identity/identity-health.ts'
import type { MeshIdentity } from './identity/mesh-identity.ts'
import type { verifyPlane } from './identity/verify-plane.ts'

/**
 * The identity before its room is loaded. Reading certificates needs an ASN.1 library that takes 50 ms to load: only a
 * mesh that is started with an identity pays for it. Until then there is no certificate and nobody is believed.
 */
export class DeferredIdentity implements Identity, Part {
  readonly name = 'identity'
  readonly #load: () => Promise<MeshIdentity>
  readonly #listeners = new Set<(change: IdentityChange) => void>()
  #identity: MeshIdentity | undefined
  #verifyPlane: typeof verifyPlane | undefined

  constructor(load: () => Promise<MeshIdentity>) {
    this.#load = load
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#identity === undefined) {
      this.#verifyPlane = (await import('./identity/verify-plane.ts')).verifyPlane
      const identity = await this.#load()
      identity.onChange((change) => {
        for (const listener of [...this.#listeners]) listener(change)
      })
      this.#identity = identity
    }
    signal.throwIfAborted()
    await this.#identity.start(signal)
  }

  async close(): Promise<void> {
    await this.#identity?.close()
  }

  get id(): string | undefined {
    return this.#identity?.id
  }

  get current(): TlsMaterial | undefined {
    return this.#identity?.current
  }

  /** The roots we believe, PEM each; undefined where none are known yet. */
  get roots(): readonly string[] | undefined {
    return this.#identity?.roots
  }

  get trustDomain(): string | undefined {
    return this.#identity?.trustDomain
  }

  refusal(): MeshError | undefined {
    return this.#identity === undefined ? notStarted() : this.#identity.refusal()
  }

  idOf(service: string): string | undefined {
    return this.#identity?.idOf(service)
  }

  judge(chain: readonly Uint8Array[], expected?: string): VerifiedPeer | MeshError {
    return this.#identity === undefined ? notStarted() : this.#identity.judge(chain, expected)
  }

  objection(peer: VerifiedPeer): MeshError | undefined {
    return this.#identity === undefined ? notStarted() : this.#identity.objection(peer)
  }

  onChange(listener: (change: IdentityChange) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Judges a plane; before the start there is none to be spoken to. */
  verifyPlane(...args: Parameters<typeof verifyPlane>): MeshError | undefined {
    return this.#verifyPlane === undefined ? notStarted() : this.#verifyPlane(...args)
  }

  /** Undefined before the start. */
  health(): IdentityHealth | undefined {
    return this.#identity?.health()
  }
}

function notStarted(): MeshError {
  return new MeshError('TULLE_IDENTITY', 'there is no certificate before the mesh is started', {
    layer: 'identity',
  })
}
