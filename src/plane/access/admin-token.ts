import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { MeshError } from '../../core/errors.ts'
import type { TokenContent } from '../../core/plane-wire.ts'
import type { Store } from '../store.ts'

const KEY = 'access/admin-token'

const digest = (token: string): Uint8Array => createHash('sha256').update(token).digest()

/** The one token that may do everything an administrator may. The plane keeps its SHA-256 only. */
export class AdminToken {
  readonly #store: Store
  #digest: Uint8Array | undefined

  private constructor(store: Store, stored: Uint8Array | undefined) {
    this.#store = store
    this.#digest = stored
  }

  /** Rejects with TULLE_STATE where what is stored cannot be read. */
  static async open({ store }: { readonly store: Store }): Promise<AdminToken> {
    const stored = await store.read(KEY)
    if (stored !== undefined && stored.length !== 32)
      throw new MeshError('TULLE_STATE', `${KEY} in ${store.place} is not a SHA-256`, {
        hint: 'Remove it; a new admin token is then made at the next start.',
      })
    return new AdminToken(store, stored)
  }

  /** False before the first was made. */
  get exists(): boolean {
    return this.#digest !== undefined
  }

  /**
   * Makes a new one; the old one is over when this resolves.
   * @param hand gets the text, once, and prints it or writes it down before the plane begins to take it: a crash in
   * between leaves the old one in force, never a token that nobody has
   */
  async replace(
    content: Omit<TokenContent, 'service'>,
    hand: (token: string) => void | Promise<void>,
  ): Promise<void> {
    const { urls, rootSha256, trustDomain } = content
    const text = Buffer.from(JSON.stringify({ urls, rootSha256, trustDomain })).toString('base64url')
    const token = `tulle_admin_${text}.${randomBytes(32).toString('base64url')}`
    await hand(token)
    await this.#store.write(KEY, digest(token))
    this.#digest = digest(token)
  }

  /** In a time that does not depend on how much of it is right. */
  matches(token: string): boolean {
    return this.#digest !== undefined && timingSafeEqual(this.#digest, digest(token))
  }
}
