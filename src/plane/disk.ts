import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MeshError } from '../core/errors.ts'

/** What a temporary file is called: hidden, so that no key is one, and recognised where a crash left it. */
export const LEFTOVER = /^\.[^/]*\.[0-9a-f]{16}\.new$/

/**
 * Writes a whole file so that a crash at any moment leaves the old content or the new one: a temporary file beside it
 * (0600), synced, renamed over. The folder must be synced afterwards for the name to be durable. Where anything fails
 * the temporary file is gone and the old content untouched.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await putFile(path, bytes, rename)
}

/** As `replaceFile`, where there is no such file; false: there is one, and it is as it was. */
export async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  let made = true
  await putFile(path, bytes, async (temporary) => {
    try {
      await link(temporary, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      made = false
    }
    await unlink(temporary)
  })
  return made
}

async function putFile(
  path: string,
  bytes: Uint8Array,
  place: (temporary: string, path: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.new`)
  let handle: FileHandle | undefined
  try {
    handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    await handle.writeFile(bytes)
    await handle.sync()
    await handle.close()
    handle = undefined
    await place(temporary, path)
  } catch (error) {
    await handle?.close().catch(() => {})
    await unlink(temporary).catch(() => {})
    throw diskError(error, path)
  }
}

/** Makes renames, new names and removals in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** As `replaceFile`, and durable when it resolves. */
export async function keepText(path: string, text: string): Promise<void> {
  await replaceFile(path, new TextEncoder().encode(text))
  await syncFolder(dirname(path))
}

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than this process may write',
  EIO: 'the disk reports an input/output error',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EMFILE: 'this process has too many files open',
}
const NO_SPACE = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** What the system says about a file, as TULLE_STATE with what it means for what is already kept. */
export function diskError(error: unknown, path: string): MeshError {
  if (error instanceof MeshError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const why = FULL[code] ?? message
  return new MeshError('TULLE_STATE', `${path} could not be written: ${why}; nothing older is lost`, {
    layer: 'plane',
    cause: error,
    hint: NO_SPACE.includes(code)
      ? 'Make room on the disk of the state directory, or raise the limit of the process, then repeat the request.'
      : undefined,
  })
}

/** Whether an error says that there is no room: 507 over HTTP. */
export function isFull(error: unknown): boolean {
  const { code } = ((error as { cause?: unknown } | undefined)?.cause ?? {}) as NodeJS.ErrnoException
  return code !== undefined && NO_SPACE.includes(code)
}
