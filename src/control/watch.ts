import { type FSWatcher, statSync, watch } from 'node:fs'

/**
 * Events of one folder, best effort: where the system cannot watch, or the folder was replaced, there are none until
 * `renew` is called again, so whoever uses this also polls.
 */
export class FolderWatch {
  readonly #folder: string
  readonly #onEvent: () => void
  #watcher: FSWatcher | undefined
  #inode: bigint | undefined

  constructor(folder: string, onEvent: () => void) {
    this.#folder = folder
    this.#onEvent = onEvent
  }

  /** Watches the folder that is at the path now; does nothing where that is the one being watched. */
  renew(): void {
    const inode = inodeOf(this.#folder)
    if (inode === this.#inode && this.#watcher !== undefined) return
    this.close()
    if (inode === undefined) return
    try {
      const watcher = watch(this.#folder, { persistent: false }, this.#onEvent)
      watcher.on('error', () => this.close())
      this.#watcher = watcher
      this.#inode = inode
    } catch {
      this.close()
    }
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#inode = undefined
  }
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}
