import { MeshError } from '../../src/core/errors.ts'
import type { Store } from '../../src/plane/store.ts'

/** A store in memory whose disk can be full, and whose writes can be held up; handed on, it survives a "restart". */
export class ScriptedStore implements Store {
  readonly place = 'memory'
  readonly content = new Map<string, Uint8Array>()
  /** Keys of the writes that were acknowledged, in order. */
  readonly written: string[] = []
  /** While true every write rejects and changes nothing. */
  full = false
  /** Runs before each write takes effect. */
  before: () => Promise<void> = async () => {}

  async read(key: string): Promise<Uint8Array | undefined> {
    return this.content.get(key)
  }

  async list(prefix: string): Promise<string[]> {
    return [...this.content.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const copy = Uint8Array.from(bytes)
    await this.before()
    if (this.full) throw new MeshError('TULLE_STATE', 'the disk is full')
    this.content.set(key, copy)
    this.written.push(key)
  }

  async create(key: string, bytes: Uint8Array): Promise<boolean> {
    if (this.content.has(key)) return false
    await this.write(key, bytes)
    return true
  }

  watch(): () => void {
    return () => {}
  }

  async remove(key: string): Promise<void> {
    this.content.delete(key)
  }

  async close(): Promise<void> {}

  /** Everything in it as one text, to look for what must not be there. */
  get text(): string {
    return [...this.content.values()].map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n')
  }
}
