/**
 * Where the plane keeps what must survive it: bytes by key. Keys are segments of `[A-Za-z0-9][A-Za-z0-9._-]*` joined by
 * `/` (`policy/versions/12`). Every implementation passes `test/contract/store.ts`.
 */
export interface Store {
  /** For messages: where it is. */
  readonly place: string
  /** Undefined: there is nothing under this key. */
  read(key: string): Promise<Uint8Array | undefined>
  /** The keys that begin with `prefix`, sorted; what was written before the call and not removed is among them. */
  list(prefix: string): Promise<string[]>
  /**
   * Durable when it resolves: a crash of the process or of the machine afterwards keeps it. A reader sees the old value
   * or the new one, never a mix. Writes and removals of one key take effect in the order they were asked for.
   * TULLE_STATE where it cannot be kept, a full disk for one; then the old value is still there.
   */
  write(key: string, bytes: Uint8Array): Promise<void>
  /**
   * As `write`, but only where there is nothing under the key: of several writers, in whatever process, exactly one
   * gets `true`, and the others have changed nothing.
   * @param over a key under which something must be, at the same moment
   */
  create(key: string, bytes: Uint8Array, over?: string): Promise<boolean>
  /** Durable when it resolves. Nothing under this key is no mistake. */
  remove(key: string): Promise<void>
  /**
   * Calls back after what begins with `prefix` has changed, whoever changed it: once or more often for each change, or
   * once for several. It must not throw. @returns the removal
   */
  watch(prefix: string, onChange: () => void): () => void
  /** Waits for what is under way. Afterwards everything rejects with TULLE_CLOSED. */
  close(): Promise<void>
}

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** Whether a key is one: no segment empty or hidden, none that leads out of a folder. */
export function isKey(key: string): boolean {
  return key.length <= 400 && key.split('/').every((segment) => SEGMENT.test(segment))
}
