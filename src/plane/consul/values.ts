import { randomBytes } from 'node:crypto'
import { MeshError } from '../../core/errors.ts'
import type { ConsulKv, Entry, Operation } from './kv.ts'
import { cut, IN_PARTS, join, markOf, PART_BYTES, partOf, readManifest, writeManifest } from './parts.ts'

/** How often a value that changes while it is read is read again. */
const READS = 5
const AT_ONCE = 4

/** `taken`: something else is there, or what it stands on is not; nothing has changed. */
export type Put = 'written' | 'taken'

export interface PutOptions {
  /** What is replaced; undefined: nothing may be there. */
  readonly before: Entry | undefined
  /** Something must be there at the same moment. */
  readonly over?: string | undefined
}

/**
 * Values of any size under keys of Consul's. A large one is cut: first a mark, then the parts, all under a name that
 * nobody else uses; then one transaction sets the head, if the mark is still there, and removes the mark. So a head never
 * says parts that are not there, and whoever has taken the mark away may take the parts (`sweep.ts`).
 */
export class ConsulValues {
  readonly #kv: ConsulKv
  readonly #wall: () => number

  constructor(kv: ConsulKv, wall: () => number) {
    this.#kv = kv
    this.#wall = wall
  }

  /** Rejects with TULLE_STATE where what is there is damaged. */
  async read(key: string): Promise<Uint8Array | undefined> {
    let seen: number | undefined
    for (let reads = 0; reads < READS; reads++) {
      const head = await this.#kv.get(key)
      if (head === undefined) return undefined
      if (head.flags !== IN_PARTS) return head.bytes
      const manifest = readManifest(head.bytes)
      const found = await this.#parts(key, manifest)
      const whole = manifest === undefined ? undefined : join(manifest, found)
      if (whole !== undefined) return whole
      // It was replaced, and its parts are gone: the new one is read. The same head twice: it is damaged.
      if (head.index === seen) break
      seen = head.index
    }
    throw new MeshError(
      'TULLE_STATE',
      `${key} in ${this.#kv.place} is damaged: parts of it are missing or changed`,
      {
        layer: 'plane',
        hint: 'Put it back from a snapshot of Consul, or remove it.',
      },
    )
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions): Promise<Put> {
    if (bytes.length <= PART_BYTES) {
      const put = await this.#commit(key, { ...options, head: bytes, flags: 0, extra: [] })
      return put === 'written' ? 'written' : this.#unless(key, bytes, put)
    }
    const nonce = randomBytes(16).toString('hex')
    const mark = markOf(key, nonce)
    await this.#kv.put(mark, Buffer.from(String(this.#wall())))
    const parts = cut(bytes)
    await inTurns(parts, (part, at) => this.#kv.put(partOf(key, nonce, at), part))
    const index = (await this.#kv.get(mark))?.index ?? 0
    const head = writeManifest(nonce, bytes, parts)
    const extra: Operation[] = [
      { verb: 'check-index', key: mark, index },
      { verb: 'delete', key: mark },
    ]
    const put = await this.#commit(key, { ...options, head, flags: IN_PARTS, extra })
    if (put === 'written' || (await this.#unless(key, head, put)) === 'written') return 'written'
    // Mark and parts in one step: no head can come to say them any more.
    await this.#kv.removeAll(mark)
    return 'taken'
  }

  /** True: it was as given, and is gone now. */
  async remove(key: string, before: Entry): Promise<boolean> {
    const { index } = before
    const done = await this.#kv.commit([
      { verb: 'check-index', key, index },
      { verb: 'delete', key },
    ])
    if (done === 'refused') return false
    if (done === 'unsure' && (await this.#kv.get(key)) !== undefined) return false
    await this.dropParts(key, before)
    return true
  }

  /** What a head that is there no more had said. Where it fails the sweep does it. */
  async dropParts(key: string, { bytes, flags }: Entry): Promise<void> {
    const manifest = flags === IN_PARTS ? readManifest(bytes) : undefined
    if (manifest !== undefined) await this.#kv.removeAll(markOf(key, manifest.nonce)).catch(() => {})
  }

  #commit(
    key: string,
    {
      before,
      over,
      head,
      flags,
      extra,
    }: PutOptions & { head: Uint8Array; flags: number; extra: Operation[] },
  ) {
    return this.#kv
      .commit([
        ...(over === undefined ? [] : [{ verb: 'get', key: over } as const]),
        ...extra.slice(0, 1),
        { verb: 'cas', key, index: before?.index ?? 0, bytes: head, flags },
        ...extra.slice(1),
      ])
      .then((committed) => (committed === 'done' ? 'written' : committed))
  }

  /** An attempt without an answer may have been ours. */
  async #unless(key: string, head: Uint8Array, put: 'refused' | 'unsure'): Promise<Put> {
    if (put === 'refused') return 'taken'
    const now = await this.#kv.get(key)
    return now !== undefined && Buffer.compare(now.bytes, head) === 0 ? 'written' : 'taken'
  }

  async #parts(key: string, manifest: ReturnType<typeof readManifest>): Promise<(Uint8Array | undefined)[]> {
    if (manifest === undefined) return []
    const found: (Uint8Array | undefined)[] = []
    await inTurns(manifest.parts, async (_, at) => {
      found[at] = (await this.#kv.get(partOf(key, manifest.nonce, at)))?.bytes
    })
    return found
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as T, at)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
