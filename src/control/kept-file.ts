import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MeshError } from '../core/errors.ts'
import type { Logger } from '../core/ports.ts'

export interface KeptFileOptions<T> {
  /** Files, or folders of files, that it is made of. */
  readonly paths: readonly string[]
  /** Rejects with what is to be said, never with any of the content. */
  readonly read: () => Promise<T>
  readonly same: (one: T, other: T) => boolean
  readonly log: Logger
}

/**
 * What is made of files that others replace while we run: read again when their size, time or inode has changed. What
 * cannot be read or used, such as a file that is just being written, changes nothing, is said once and tried again.
 */
export class KeptFile<T> {
  readonly #options: KeptFileOptions<T>
  #value: T | undefined
  #print: string | undefined
  #problem: MeshError | undefined
  #looking: Promise<boolean> | undefined

  constructor(options: KeptFileOptions<T>) {
    this.#options = options
  }

  /** The newest that was good. Rejects while there has been none. */
  async get(): Promise<T> {
    if (this.#value === undefined) await this.look()
    if (this.#value === undefined) throw this.#problem
    return this.#value
  }

  /** Whether there is another one now, or one where there was none. Who comes while a look is going on shares it. */
  look(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<boolean> {
    const { paths, read, same, log } = this.#options
    const print = (await Promise.all(paths.map((path) => printOf(path)))).join('\n')
    if (print === this.#print) return false
    this.#print = print
    try {
      const value = await read()
      const old = this.#value
      const missed = this.#problem !== undefined
      this.#value = value
      this.#problem = undefined
      return old === undefined ? missed : !same(old, value)
    } catch (error) {
      // Read again although it is as it was: the reason may have been a moment's, such as no file descriptor left.
      this.#print = undefined
      const known = this.#problem?.message
      this.#problem = error as MeshError
      if (this.#value !== undefined && known !== this.#problem.message)
        log.warn(`${this.#problem.message}; what it held before is used on`)
      return false
    }
  }
}

async function printOf(path: string, deep = false): Promise<string> {
  try {
    const found = await stat(path, { bigint: true })
    const own = `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`
    // Folders in a folder are nobody's: a path that is a mistake may have the whole disk below it.
    if (deep || !found.isDirectory()) return own
    const names = (await readdir(path)).sort()
    const files = names.map((name) => printOf(join(path, name), true))
    return [own, ...(await Promise.all(files))].join('\n')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable'
  }
}
