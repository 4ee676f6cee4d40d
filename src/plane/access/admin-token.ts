import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../../core/errors.ts'
import type { TokenContent } from '../../core/plane-wire.ts'
import type { Clock, Logger } from '../../core/ports.ts'
import { Looking } from '../looking.ts'
import type { Store } from '../store.ts'

const KEY = 'access/admin-token'

/** Where several planes share it, what is stored says who has seen it too; else it is the 32 bytes alone. */
const shared = z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), shown: z.string().max(500) })

interface Known {
  readonly digest: Uint8Array
  readonly shown: string | undefined
}

type Content = Omit<TokenContent, 'service'>
/** Gets the text, once, and prints it or writes it down. */
type Hand = (token: string) => void | Promise<void>

const digest = (token: string): Uint8Array => createHash('sha256').update(token).digest()

/** The one token that may do everything an administrator may. Planes keep its SHA-256 only. */
export class AdminToken {
  readonly #store: Store
  #known: Known | undefined

  private constructor(store: Store) {
    this.#store = store
  }

  /** Rejects with TULLE_STATE where what is stored cannot be read. */
  static async open({ store }: { readonly store: Store }): Promise<AdminToken> {
    const token = new AdminToken(store)
    await token.#look()
    return token
  }

  /** False before the first was made. */
  get exists(): boolean {
    return this.#known !== undefined
  }

  /** Where the one in force was shown when it was made, in words; undefined: that was not written down. */
  get shown(): string | undefined {
    return this.#known?.shown
  }

  /**
   * Makes a new one; the old one is over when this resolves.
   * @param hand is called before the plane begins to take it: a crash in between leaves the old one in force, never a
   * token that nobody has
   * @param shown where `hand` shows it, for whoever looks for it on another machine
   */
  async replace(content: Content, hand: Hand, shown?: string): Promise<void> {
    const known = await made(content, hand, shown)
    await this.#store.write(KEY, stored(known))
    this.#known = known
  }

  /** The first one. False: another plane on this store was faster, and its token is the one in force. */
  async create(content: Content, hand: Hand, shown: string): Promise<boolean> {
    const known = await made(content, hand, shown)
    if (await this.#store.create(KEY, stored(known))) {
      this.#known = known
      return true
    }
    await this.#look()
    return false
  }

  /** Takes over what other planes make of it. @returns the end of that */
  follow(clock: Clock, log: Logger): () => void {
    const looking = new Looking({
      store: this.#store,
      prefix: KEY,
      clock,
      look: () => this.#look(),
      onError: ({ message }) => log.warn('a change of the admin token cannot be looked at yet', { message }),
    })
    return () => looking.close()
  }

  /** In a time that does not depend on how much of it is right. */
  matches(token: string): boolean {
    return this.#known !== undefined && timingSafeEqual(this.#known.digest, digest(token))
  }

  async #look(): Promise<void> {
    const bytes = await this.#store.read(KEY)
    this.#known = bytes === undefined ? undefined : this.#read(bytes)
  }

  #read(bytes: Uint8Array): Known {
    if (bytes.length === 32) return { digest: bytes, shown: undefined }
    try {
      const { sha256, shown } = shared.parse(JSON.parse(Buffer.from(bytes).toString()))
      return { digest: Buffer.from(sha256, 'hex'), shown }
    } catch (cause) {
      throw new MeshError('TULLE_STATE', `${KEY} in ${this.#store.place} is not a SHA-256`, {
        hint: 'Remove it; a new admin token is then made at the next start.',
        cause,
      })
    }
  }
}

async function made({ urls, rootSha256, trustDomain }: Content, hand: Hand, shown?: string): Promise<Known> {
  const text = Buffer.from(JSON.stringify({ urls, rootSha256, trustDomain })).toString('base64url')
  const token = `tulle_admin_${text}.${randomBytes(32).toString('base64url')}`
  await hand(token)
  return { digest: digest(token), shown }
}

function stored({ digest, shown }: Known): Uint8Array {
  if (shown === undefined) return digest
  return Buffer.from(JSON.stringify({ sha256: Buffer.from(digest).toString('hex'), shown }))
}
