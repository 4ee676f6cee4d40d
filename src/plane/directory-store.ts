import { chmod, lstat, mkdir, readdir, readFile, unlink } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { MeshError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import { createFile, diskError, LEFTOVER, replaceFile, syncFolder } from './disk.ts'
import { DirectoryLock } from './lock.ts'
import { SharedSync } from './shared-sync.ts'
import { isKey, type Store } from './store.ts'
import { StoreWatches } from './store-watches.ts'
import { Turns } from './turns.ts'

/** Files open at one time, so that a burst of writes does not use up the process's descriptors. */
const AT_ONCE = 16

export interface DirectoryStoreOptions {
  /** Made (0700) where it is not there. */
  readonly directory: string
  readonly clock: Clock
}

/**
 * A file (0600) per key below one directory (0700). A write is a temporary file, fsync, rename and the fsync of its
 * folder, which writes that come together share. One process at a time (`lock.ts`).
 */
export class DirectoryStore implements Store {
  readonly place: string
  readonly #lock: DirectoryLock
  readonly #turns = new Turns(AT_ONCE)
  readonly #folders = new Map<string, SharedSync>()
  readonly #watches = new StoreWatches()
  #closed = false

  private constructor(place: string, lock: DirectoryLock) {
    this.place = place
    this.#lock = lock
  }

  /** Rejects with TULLE_STATE where the directory is another user's, writable for others, or held by another process. */
  static async open({ directory, clock }: DirectoryStoreOptions): Promise<DirectoryStore> {
    const place = resolve(directory)
    await prepare(place)
    const lock = await DirectoryLock.take(place, clock).catch((error: unknown) => {
      throw diskError(error, place)
    })
    try {
      await removeLeftovers(place)
    } catch (error) {
      await lock.release()
      throw diskError(error, place)
    }
    return new DirectoryStore(place, lock)
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    const path = this.#path(key)
    try {
      return await readFile(path)
    } catch (error) {
      if (isMissing(error)) return undefined
      const { message } = error as Error
      throw new MeshError('TULLE_STATE', `${path} could not be read: ${message}`, {
        layer: 'plane',
        cause: error,
      })
    }
  }

  async list(prefix: string): Promise<string[]> {
    this.#mustBeOpen()
    const folder = prefix.includes('/') ? dirname(`${prefix}x`) : '.'
    const from = join(this.place, folder)
    const keys: string[] = []
    await walk(from, (path) => {
      const key = relative(this.place, path).replaceAll('\\', '/')
      if (key.startsWith(prefix) && isKey(key)) keys.push(key)
    })
    return keys.sort()
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key)
    await this.#turns.run(key, async () => {
      this.#mustHold()
      await this.#folder(dirname(path))
      await replaceFile(path, bytes)
    })
    await this.#sync(dirname(path))
    this.#watches.changed(key)
  }

  /** Exclusive among those who have the directory: this process. */
  async create(key: string, bytes: Uint8Array, over?: string): Promise<boolean> {
    const path = this.#path(key)
    const below = over === undefined ? undefined : this.#path(over)
    const made = await this.#turns.run(key, async () => {
      this.#mustHold()
      if (below !== undefined && !(await isThere(below))) return false
      await this.#folder(dirname(path))
      return createFile(path, bytes)
    })
    if (!made) return false
    await this.#sync(dirname(path))
    this.#watches.changed(key)
    return true
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key)
    const removed = await this.#turns.run(key, async () => {
      this.#mustHold()
      try {
        await unlink(path)
        return true
      } catch (error) {
        if (isMissing(error)) return false
        throw diskError(error, path)
      }
    })
    if (!removed) return
    await this.#sync(dirname(path))
    this.#watches.changed(key)
  }

  watch(prefix: string, onChange: () => void): () => void {
    return this.#watches.add(prefix, onChange)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watches.clear()
    await this.#turns.idle()
    await Promise.allSettled([...this.#folders.values()].map((folder) => folder.request()))
    await this.#lock.release()
  }

  #path(key: string): string {
    this.#mustBeOpen()
    if (!isKey(key)) throw new TypeError(`not a key of the store: ${JSON.stringify(key)}`)
    return join(this.place, key)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new MeshError('TULLE_CLOSED', 'the store is closed', { layer: 'plane' })
  }

  #mustHold(): void {
    if (this.#lock.held) return
    throw new MeshError(
      'TULLE_STATE',
      `another process has taken over the state directory ${this.place} while this one did not run; nothing is written to it any more`,
      { layer: 'plane', hint: 'Restart this plane, or leave the directory to the other one.' },
    )
  }

  /** Makes a folder and what is missing above it, each durable in its parent before anything is put into it. */
  async #folder(path: string): Promise<void> {
    if (path === this.place || this.#folders.has(path)) return
    const parent = dirname(path)
    await this.#folder(parent)
    try {
      await mkdir(path, { mode: 0o700 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskError(error, path)
    }
    await this.#sync(parent)
    this.#syncOf(path)
  }

  async #sync(folder: string): Promise<void> {
    try {
      await this.#syncOf(folder).request()
    } catch (error) {
      if (!isMissing(error)) throw diskError(error, folder)
    }
  }

  #syncOf(folder: string): SharedSync {
    let shared = this.#folders.get(folder)
    if (shared === undefined) {
      shared = new SharedSync(() => syncFolder(folder))
      this.#folders.set(folder, shared)
    }
    return shared
  }
}

async function prepare(place: string): Promise<void> {
  const refuse = (why: string, hint: string): never => {
    throw new MeshError('TULLE_STATE', `the state directory ${place} ${why}`, { layer: 'plane', hint })
  }
  try {
    await mkdir(place, { recursive: true, mode: 0o700 })
    const stats = await lstat(place)
    if (!stats.isDirectory()) refuse('is not a directory', 'Give the path of a directory.')
    const own = process.getuid?.()
    if (own === undefined) return
    if (stats.uid !== own)
      refuse(`belongs to user ${stats.uid}, not to ${own}`, `chown it to the user that runs the plane.`)
    if ((stats.mode & 0o022) !== 0)
      refuse('is writable for other users', `Look what is in it, then: chmod 700 ${place}`)
    if ((stats.mode & 0o077) !== 0) await chmod(place, 0o700)
  } catch (error) {
    throw diskError(error, place)
  }
}

async function removeLeftovers(folder: string): Promise<void> {
  await walk(folder, async (path, name) => {
    if (LEFTOVER.test(name)) await unlink(path)
  })
}

async function walk(folder: string, visit: (path: string, name: string) => unknown): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw diskError(error, folder)
  })
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await walk(path, visit)
    else if (entry.isFile()) await visit(path, entry.name)
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw diskError(error, path)
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
