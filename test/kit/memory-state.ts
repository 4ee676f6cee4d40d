import type { StateStore } from '../../src/core/plane.ts'

/** A state directory in memory. */
export class MemoryState implements StateStore {
  readonly place = 'the memory of the test'
  readonly files = new Map<string, Uint8Array>()
  readonly writes: string[] = []

  async read(name: string): Promise<Uint8Array | undefined> {
    return this.files.get(name)
  }

  async write(name: string, content: Uint8Array): Promise<void> {
    this.writes.push(name)
    this.files.set(name, content)
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name)
  }

  /** As parsed JSON. */
  json(name: string): Record<string, unknown> {
    return JSON.parse(new TextDecoder().decode(this.files.get(name))) as Record<string, unknown>
  }

  put(name: string, value: unknown): void {
    this.files.set(name, new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)))
  }
}
