import { z } from 'zod'
import { MeshError } from '../core/errors.ts'
import type { StateStore } from '../core/plane.ts'
import { type TrustWire, trustWire } from '../core/plane-wire.ts'
import type { Logger } from '../core/ports.ts'
import { wordsOf } from '../core/words.ts'
import { keyPem, readKey } from './keys.ts'
import type { Credentials } from './source.ts'

const IDENTITY = 'identity.json'
const TRUST = 'trust.json'

const identityFile = z.looseObject({
  service: z.string(),
  /** When it was received, wall-clock milliseconds: its renewal is reckoned from there. */
  receivedMs: z.number(),
  /** PKCS #8, PEM. */
  key: z.string(),
  /** DER in base64, leaf first. */
  chain: z.array(z.base64().min(1)).min(1).max(8),
})

const trustFile = z.looseObject({
  /** When it was last said so, wall-clock milliseconds. */
  confirmedMs: z.number(),
  trust: trustWire,
})
export type KeptTrust = z.infer<typeof trustFile>

export interface KeptCredentials extends Credentials {
  /** Wall-clock milliseconds. */
  readonly receivedMs: number
}

export interface KeptOptions {
  readonly service: string
  /** Undefined: nothing outlives the process. */
  readonly store?: StateStore | undefined
  /** Whether the key may lie on the disk; where not, what lies there of ours is removed. */
  readonly keys: boolean
  /** Who is asked where nothing is kept, for messages; default `the plane`. */
  readonly from?: string | undefined
  readonly log: Logger
}

/**
 * What of an identity outlives the process. What is there and cannot be believed is a warning and then as if it were not
 * there: the source is asked instead. Nothing here rejects.
 */
export class Kept {
  readonly #service: string
  readonly #store: StateStore | undefined
  readonly #keys: boolean
  readonly #from: string
  readonly #log: Logger
  /** The file belongs to another service: two must not take turns in it. */
  #foreign = false
  readonly #problems = new Map<string, string>()
  #writing: Promise<unknown> = Promise.resolve()

  constructor({ service, store, keys, from = 'the plane', log }: KeptOptions) {
    this.#service = service
    this.#store = store
    this.#keys = keys
    this.#from = from
    this.#log = log
  }

  /** Where it lies, for messages; undefined: nowhere. */
  get place(): string | undefined {
    return this.#store?.place
  }

  get problem(): string | undefined {
    return [...this.#problems.values()].join('; ') || undefined
  }

  /** The certificate kept for this service, not yet judged. */
  async credentials(): Promise<KeptCredentials | undefined> {
    return this.#reading(IDENTITY, async (store) => {
      const file = await parsed(store, IDENTITY, identityFile)
      if (file === undefined) return undefined
      if (file.service !== this.#service) {
        this.#foreign = true
        throw new MeshError(
          'TULLE_STATE',
          `it belongs to the service "${file.service}", and this is "${this.#service}"; nothing of ours is kept there. Give each service its own TULLE_STATE_DIR, or remove the file`,
        )
      }
      if (!this.#keys) {
        await store.remove(IDENTITY)
        return undefined
      }
      return {
        receivedMs: file.receivedMs,
        chain: file.chain.map((der) => Buffer.from(der, 'base64')),
        key: readKey(file.key).privateKey,
      }
    })
  }

  async trust(): Promise<KeptTrust | undefined> {
    return this.#reading(TRUST, (store) => parsed(store, TRUST, trustFile))
  }

  keep({ chain, key, receivedMs }: KeptCredentials): Promise<void> {
    if (!this.#keys || this.#foreign) return Promise.resolve()
    return this.#write(IDENTITY, {
      service: this.#service,
      receivedMs,
      key: keyPem({ privateKey: key }),
      chain: chain.map((der) => Buffer.from(der).toString('base64')),
    })
  }

  keepTrust(trust: TrustWire, confirmedMs: number): Promise<void> {
    return this.#write(TRUST, { confirmedMs, trust })
  }

  /** Resolves when what was to be kept is. */
  async written(): Promise<void> {
    await this.#writing
  }

  async #reading<T>(
    name: string,
    read: (store: StateStore) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (this.#store === undefined) return undefined
    try {
      return await read(this.#store)
    } catch (error) {
      this.#warn(name, `${this.#store.place}/${name} is not used: ${wordsOf(error)}`)
      return undefined
    }
  }

  #write(name: string, content: object): Promise<void> {
    const store = this.#store
    if (store === undefined) return Promise.resolve()
    const bytes = new TextEncoder().encode(JSON.stringify(content))
    const written = store.write(name, bytes).then(
      () => {
        this.#problems.delete(name)
      },
      (error: unknown) => this.#warn(name, `a restart will need ${this.#from}: ${wordsOf(error)}`),
    )
    this.#writing = Promise.all([this.#writing, written])
    return written
  }

  #warn(name: string, problem: string): void {
    if (this.#problems.get(name) === problem) return
    this.#problems.set(name, problem)
    this.#log.warn(`identity: ${problem}`)
  }
}

async function parsed<T>(store: StateStore, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const content = await store.read(name)
  if (content === undefined) return undefined
  const result = schema.safeParse(json(content))
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  const at = path.length === 0 ? '' : `${path.join('.')}: `
  throw new MeshError('TULLE_STATE', `it is damaged (${at}${message})`)
}

function json(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(content))
  } catch {
    return undefined
  }
}
