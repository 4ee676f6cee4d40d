import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_DOCUMENT_BYTES } from './document.ts'
import type { Found } from './last-good.ts'

const DOCUMENT = /^[^.].*\.(?:ya?ml|json)$/i

/** What is at a path now: documents by file name, or why there are none. */
export type Listing =
  | { readonly kind: 'file' | 'folder'; readonly documents: ReadonlyMap<string, Found> }
  | { readonly kind: 'missing'; readonly why: string }

/**
 * Reads one policy file, or every `*.yaml`, `*.yml` and `*.json` directly in a folder, in the order of their names.
 * Symbolic links are followed; hidden files are not documents.
 */
export async function readPolicyPath(path: string): Promise<Listing> {
  try {
    if (!(await stat(path)).isDirectory())
      return { kind: 'file', documents: new Map([[path, await found(path)]]) }
    const documents = new Map<string, Found>()
    for (const name of (await readdir(path)).filter((entry) => DOCUMENT.test(entry)).sort()) {
      const file = join(path, name)
      documents.set(file, await found(file))
    }
    return { kind: 'folder', documents }
  } catch (error) {
    return { kind: 'missing', why: reason(error) }
  }
}

async function found(file: string): Promise<Found> {
  try {
    const { size } = await stat(file)
    if (size > MAX_DOCUMENT_BYTES) return { unreadable: `larger than ${MAX_DOCUMENT_BYTES} bytes: ${size}` }
    return await readFile(file)
  } catch (error) {
    return { unreadable: reason(error) }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'may not be read: permission denied',
  EISDIR: 'is a folder',
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}

/** A mark that differs whenever a document may have: cheap enough to ask for every second or two. */
export async function fingerprint(path: string): Promise<string> {
  try {
    const own = await stat(path, { bigint: true })
    if (!own.isDirectory()) return mark(path, own)
    const names = (await readdir(path)).filter((entry) => DOCUMENT.test(entry)).sort()
    const marks = await Promise.all(
      names.map(async (name) =>
        mark(name, await stat(join(path, name), { bigint: true }).catch(() => undefined)),
      ),
    )
    return [`${own.ino}`, ...marks].join('\n')
  } catch {
    return ''
  }
}

function mark(name: string, stats: { ino: bigint; size: bigint; mtimeNs: bigint } | undefined): string {
  return stats === undefined ? `${name} -` : `${name} ${stats.ino} ${stats.size} ${stats.mtimeNs}`
}
