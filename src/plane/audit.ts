import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError, syncFolder } from './disk.ts'
import { SharedSync } from './shared-sync.ts'

/** One line of the audit log: who asked for what, and what became of it. Never holds a secret. */
export interface AuditEntry {
  /** Wall-clock milliseconds. */
  readonly time: number
  /** `admin`, `join:<token id>`, a SPIFFE ID, or `anonymous`. */
  readonly caller: string
  /** The address it came from; `embedded` for calls of the program the plane runs in. */
  readonly from: string
  /** Method and path as routed, without the query. */
  readonly route: string
  /** The HTTP status it was answered with. */
  readonly status: number
  /** What it was about or why it was refused, in words. */
  readonly detail?: string | undefined
}

export interface AuditOptions {
  readonly file: string
  /** Past it the file becomes `<file>.1`, that one `<file>.2` and so on; default 16 MiB. */
  readonly maxBytes?: number | undefined
  /** How many old files are kept; default 4. */
  readonly keep?: number | undefined
  /** Asked before each refusal: false, and it is counted instead. Default always. */
  readonly mayNote?: (() => boolean) | undefined
}

/** Where what was done is written down. */
export interface Audit {
  /** Rejects where it cannot be written; then what it is about is not answered as done. */
  append(entry: AuditEntry): Promise<void>
  /** For what is refused anyway: nobody waits, and a flood of it is counted rather than kept. */
  note(entry: AuditEntry): void
  /** Newest last. @param limit at most 1000; default 100 */
  recent(limit?: number): readonly AuditEntry[]
  close(): Promise<void>
}

const RECENT = 1000
/** Lines that wait for the disk; entries nobody waits for are dropped past it, and counted. */
const MAX_WAITING = 10_000

/**
 * An append-only log, a JSON object per line. Entries that come together share a write and its fsync. A line that a
 * crash cut off is ended, so that the next one is whole.
 */
export class AuditLog implements Audit {
  readonly #file: string
  readonly #maxBytes: number
  readonly #keep: number
  readonly #mayNote: () => boolean
  readonly #recent: AuditEntry[] = []
  readonly #flushing = new SharedSync(() => this.#flush())
  #handle: FileHandle
  #size: number
  #waiting: string[] = []
  #dropped = 0

  private constructor(options: AuditOptions, handle: FileHandle) {
    const { file, maxBytes = 16 * 1024 * 1024, keep = 4, mayNote = () => true } = options
    this.#file = file
    this.#maxBytes = maxBytes
    this.#keep = keep
    this.#mayNote = mayNote
    this.#handle = handle
    this.#size = 0
  }

  static async open(options: AuditOptions): Promise<AuditLog> {
    try {
      const log = new AuditLog(options, await openEnd(options.file))
      await log.#resume()
      return log
    } catch (error) {
      throw diskError(error, options.file)
    }
  }

  /** Durable when it resolves. Rejects with TULLE_STATE where it cannot be written. */
  append(entry: AuditEntry): Promise<void> {
    this.#take(entry)
    return this.#flushing.request()
  }

  /**
   * For what is refused anyway: nobody waits, and a flood of it is counted rather than kept, so that nobody can push out of
   * the log what was done.
   */
  note(entry: AuditEntry): void {
    if (this.#waiting.length >= MAX_WAITING || !this.#mayNote()) {
      this.#dropped++
      return
    }
    if (this.#dropped > 0) {
      const detail = `${this.#dropped} refusals before this one were too many to be written down`
      this.#dropped = 0
      this.#take({ ...entry, detail: `${detail}; ${entry.detail ?? ''}` })
    } else this.#take(entry)
    this.#flushing.request().catch(() => {})
  }

  /** Newest last. @param limit at most 1000 */
  recent(limit = 100): readonly AuditEntry[] {
    return this.#recent.slice(-Math.max(1, Math.min(limit, RECENT)))
  }

  async close(): Promise<void> {
    await this.#flushing.request().catch(() => {})
    await this.#handle.close()
  }

  #take(entry: AuditEntry): void {
    this.#recent.push(entry)
    if (this.#recent.length > RECENT * 2) this.#recent.splice(0, RECENT)
    this.#waiting.push(`${JSON.stringify(entry)}\n`)
  }

  async #flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    const lines = this.#waiting
    this.#waiting = []
    try {
      if (this.#size >= this.#maxBytes) await this.#rotate()
      const bytes = Buffer.from(lines.join(''))
      await this.#handle.appendFile(bytes)
      await this.#handle.datasync()
      this.#size += bytes.length
    } catch (error) {
      // A part of the lines may be there: the file ends again where it did.
      await this.#handle.truncate(this.#size).catch(() => {})
      throw diskError(error, this.#file)
    }
  }

  async #rotate(): Promise<void> {
    for (let age = this.#keep; age >= 1; age--) {
      const from = age === 1 ? this.#file : `${this.#file}.${age - 1}`
      await rename(from, `${this.#file}.${age}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
    }
    const fresh = await openEnd(this.#file)
    await this.#handle.close()
    this.#handle = fresh
    this.#size = 0
  }

  async #resume(): Promise<void> {
    const { size } = await stat(this.#file)
    this.#size = size
    if (size === 0) return
    const tail = Buffer.alloc(Math.min(size, 1024 * 1024))
    const reader = await open(this.#file, 'r')
    try {
      await reader.read(tail, 0, tail.length, size - tail.length)
    } finally {
      await reader.close()
    }
    for (const line of tail.toString().split('\n').slice(-RECENT)) {
      try {
        this.#recent.push(JSON.parse(line) as AuditEntry)
      } catch {
        // The first may be cut by where the tail begins, the last by a crash.
      }
    }
    if (tail.at(-1) === 10) return
    await this.#handle.appendFile('\n')
    this.#size++
  }
}

/** What is appended is only there after a crash if the name of the file is. */
async function openEnd(file: string): Promise<FileHandle> {
  const handle = await open(file, 'a', 0o600)
  try {
    await syncFolder(dirname(file))
  } catch (error) {
    await handle.close()
    throw error
  }
  return handle
}
