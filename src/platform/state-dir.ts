import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../core/errors.ts'
import type { StateStore } from '../core/plane.ts'

/** Above this a file is not ours, whatever its name says. */
const MAX_STATE_BYTES = 16 * 2 ** 20
const NAME = /^[a-z0-9][a-z0-9-]{0,63}(?:\.[a-z0-9]{1,8})?$/
const LEFTOVER = /^\..+\.[0-9a-f]{16}\.tmp$/
/** Another process may be writing into the same folder: what is younger may still be renamed. */
const LEFTOVER_AFTER_MS = 60_000

/**
 * A folder of small files that outlive the process: made 0700, its files 0600. A write is whole or has not happened, also
 * when the process is killed or the machine loses power in the middle: a temporary file in the same folder, synced,
 * renamed, and the folder synced. A file that others may read or write, or that belongs to another user, is not
 * believed: TULLE_STATE says which and what to run.
 * @param path made at the first write, parents included
 */
export function stateDirectory(path: string): StateStore {
  return new StateDirectory(path)
}

class StateDirectory implements StateStore {
  readonly place: string
  /** Writes and removals run one after the other: of two of one name the later must win. */
  #last: Promise<unknown> = Promise.resolve()
  #swept = false

  constructor(path: string) {
    this.place = path
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const file = this.#file(name)
    await this.#sweep()
    const handle = await opened(file)
    if (handle === undefined) return undefined
    try {
      await believable(handle, file)
      return await whole(handle, file)
    } finally {
      await handle.close()
    }
  }

  async write(name: string, content: Uint8Array): Promise<void> {
    const file = this.#file(name)
    if (content.byteLength > MAX_STATE_BYTES) throw tooLarge(file, content.byteLength)
    await this.#inTurn(() => this.#replace(name, file, content))
  }

  async remove(name: string): Promise<void> {
    const file = this.#file(name)
    await this.#inTurn(async () => {
      try {
        await unlink(file)
        await syncFolder(this.place)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw unusable(file, `cannot be removed: ${wordsOf(error)}`, error)
      }
    })
  }

  #file(name: string): string {
    if (!NAME.test(name))
      throw new MeshError('TULLE_STATE', `"${name}" is not a name of a file in ${this.place}`)
    return join(this.place, name)
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(step)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #replace(name: string, file: string, content: Uint8Array): Promise<void> {
    const temporary = join(this.place, `.${name}.${randomBytes(8).toString('hex')}.tmp`)
    try {
      await mkdir(this.place, { recursive: true, mode: 0o700 })
      await this.#sweep()
      await written(temporary, content)
      await rename(temporary, file)
      await syncFolder(this.place)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw unusable(
        file,
        `cannot be written: ${wordsOf(error)}; what was there before is still in force`,
        error,
      )
    }
  }

  /** What a killed process left between the temporary file and its renaming: never read, and gone at the next run. */
  async #sweep(): Promise<void> {
    if (this.#swept) return
    this.#swept = true
    const names = await readdir(this.place).catch(() => [])
    for (const name of names) {
      if (!LEFTOVER.test(name)) continue
      const leftover = join(this.place, name)
      const { mtimeMs } = await stat(leftover).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
      if (Date.now() - mtimeMs > LEFTOVER_AFTER_MS) await rm(leftover, { force: true }).catch(() => {})
    }
  }
}

async function opened(file: string): Promise<FileHandle | undefined> {
  try {
    // A link could point anywhere, and opening a pipe would wait for ever.
    return await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unusable(file, wordsOf(error), error)
  }
}

async function believable(handle: FileHandle, file: string): Promise<void> {
  const stats = await handle.stat()
  if (!stats.isFile()) throw unusable(file, 'is not a regular file')
  const user = process.getuid?.()
  if (user !== undefined) {
    if (stats.uid !== user)
      throw unusable(
        file,
        `belongs to user ${stats.uid}, and this process runs as ${user}; run: chown ${user} ${file}`,
      )
    const mode = stats.mode & 0o777
    if ((mode & 0o077) !== 0)
      throw unusable(
        file,
        `has mode 0${mode.toString(8)}, so that others than its owner may use it; run: chmod 600 ${file}`,
      )
  }
  if (stats.size > MAX_STATE_BYTES) throw tooLarge(file, stats.size)
}

async function whole(handle: FileHandle, file: string): Promise<Uint8Array> {
  try {
    return await handle.readFile()
  } catch (error) {
    throw unusable(file, `cannot be read: ${wordsOf(error)}`, error)
  }
}

async function written(temporary: string, content: Uint8Array): Promise<void> {
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  // A umask may have taken from the owner what the mode gave.
  await chmod(temporary, 0o600)
}

/** A renaming is only on the disk when the folder is. Windows cannot sync a folder and does not need to. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function tooLarge(file: string, size: number): MeshError {
  return unusable(file, `is larger than ${MAX_STATE_BYTES} bytes: ${size}`)
}

function unusable(file: string, why: string, cause?: unknown): MeshError {
  return new MeshError('TULLE_STATE', `${file} ${why}`, { layer: 'state', cause })
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ELOOP: 'is a symbolic link, and only a regular file is believed',
  EISDIR: 'is a folder',
  ENOTDIR: 'lies in something that is not a folder',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
}

function wordsOf(error: unknown): string {
  return WORDS[codeOf(error) ?? ''] ?? (error as Error).message
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
