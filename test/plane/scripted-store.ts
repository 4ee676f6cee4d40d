import { MeshError } from '../../src/core/errors.ts'
import { MemoryStore } from '../kit/memory-store.ts'

/** A store whose disk can be full, and whose writes can be held up. */
export class ScriptedStore extends MemoryStore {
  /** Keys of the writes that were acknowledged, in order. */
  readonly written: string[] = []
  /** Runs before each write takes effect. */
  before: () => Promise<void> = async () => {}

  set full(full: boolean) {
    this.failure = full ? new MeshError('TULLE_STATE', 'the disk is full') : undefined
  }

  override async write(key: string, bytes: Uint8Array): Promise<void> {
    await this.before()
    await super.write(key, bytes)
    this.written.push(key)
  }

  /** Everything in it as one text, to look for what must not be there. */
  get text(): string {
    return [...this.content.values()].map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n')
  }
}
