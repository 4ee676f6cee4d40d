import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MeshError } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import { type Holder, isHolder, judgeHolder, ourselves } from './lock-holder.ts'

const NAME = '.lock'
const CLAIM = /^\.lock\.after-[0-9a-f]{32}$/
const BEAT_MS = 2000
/** How many beats a holder that cannot be asked about must miss. */
const MISSED = 4

/**
 * One writer at a time on a directory. The lock is a file with its holder's name; it appears whole, by a hard link. A
 * dead holder's lock is taken over: whoever manages to link `.lock.after-<token of the dead>` is its only successor,
 * and the last of such a chain holds the lock, so that two that see the same dead holder never both take its place.
 *
 * Whether a holder lives is told by its process (pid and start time). One on another machine or in another container is
 * watched instead: a living one touches the file every 2 s.
 */
export class DirectoryLock {
  readonly #directory: string
  readonly #clock: Clock
  readonly #mine: Holder
  #disarm: (() => void) | undefined
  #lost = false

  private constructor(directory: string, clock: Clock, mine: Holder) {
    this.#directory = directory
    this.#clock = clock
    this.#mine = mine
  }

  /** Rejects with TULLE_STATE, naming pid, host and directory, where another process holds it. */
  static async take(directory: string, clock: Clock): Promise<DirectoryLock> {
    const lock = new DirectoryLock(directory, clock, await ourselves())
    const own = join(directory, `${NAME}.${randomBytes(8).toString('hex')}.new`)
    await writeFile(own, JSON.stringify(lock.#mine), { mode: 0o600, flag: 'wx' })
    try {
      while (!(await lock.#try(own)));
    } finally {
      await unlink(own).catch(() => {})
    }
    lock.#beat()
    return lock
  }

  /** False once another process has taken the lock over: this one was stopped for too long. */
  get held(): boolean {
    return !this.#lost
  }

  async release(): Promise<void> {
    this.#disarm?.()
    if (await this.#isMine()) await unlink(this.#path).catch(() => {})
    this.#lost = true
  }

  get #path(): string {
    return join(this.#directory, NAME)
  }

  #claim(token: string): string {
    return join(this.#directory, `${NAME}.after-${token}`)
  }

  /** One attempt; false: somebody moved meanwhile, look again. */
  async #try(own: string): Promise<boolean> {
    if (await linked(own, this.#path)) return true
    const chain = await this.#chain()
    const last = chain.at(-1)
    if (last === undefined) return false
    await this.#mustBeDead(last)
    if (!(await linked(own, this.#claim(last.token)))) return false
    const still = await this.#chain()
    if (still[0]?.token !== chain[0]?.token || still.at(-1)?.token !== this.#mine.token) {
      await unlink(this.#claim(last.token)).catch(() => {})
      return false
    }
    await rename(own, this.#path)
    // Who claims from here on finds another holder at the head of the chain and withdraws.
    for (const name of await readdir(this.#directory))
      if (CLAIM.test(name)) await unlink(join(this.#directory, name)).catch(() => {})
    return true
  }

  /** The lock's holder and its successors; empty: there is no lock. */
  async #chain(): Promise<readonly Holder[]> {
    const chain: Holder[] = []
    for (let path = this.#path; ; ) {
      const holder = await readHolder(path)
      if (holder === undefined) return chain
      chain.push(holder)
      path = this.#claim(holder.token)
    }
  }

  async #mustBeDead(holder: Holder): Promise<void> {
    const verdict = await judgeHolder(holder, this.#mine)
    if (verdict === 'dead' || (verdict === 'elsewhere' && (await this.#isSilent()))) return
    throw new MeshError(
      'TULLE_STATE',
      `the state directory ${this.#directory} is in use by process ${holder.pid} on host ${holder.host}; a directory has one plane at a time`,
      { layer: 'plane', hint: 'Stop that process first, or give this plane a directory of its own.' },
    )
  }

  async #isSilent(): Promise<boolean> {
    const before = await touched(this.#path)
    await new Promise<void>((resolve) => this.#clock.after(MISSED * BEAT_MS, resolve))
    return before !== undefined && (await touched(this.#path)) === before
  }

  #beat(): void {
    this.#disarm = this.#clock.background(BEAT_MS, () => {
      void this.#isMine().then(async (mine) => {
        this.#lost ||= !mine
        if (this.#lost) return
        const seconds = Number(process.hrtime.bigint() / 1_000_000n) / 1000
        // Only that it changes matters; monotonic time changes even where the wall clock is set back.
        await utimes(this.#path, seconds, seconds).catch(() => {})
        if (!this.#lost) this.#beat()
      })
    })
  }

  /** A file that cannot be read now (too many are open, the disk errs) is nobody else's yet: the next beat looks again. */
  async #isMine(): Promise<boolean> {
    try {
      return (await readHolder(this.#path))?.token === this.#mine.token
    } catch {
      return true
    }
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function touched(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs
}

/** Undefined: there is no such file, or nobody's name in it. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isHolder(holder) ? holder : undefined
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
