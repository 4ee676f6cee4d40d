import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../core/ports.ts'

/** Certificates, keys and bundles are small; what is larger is something else. */
const MAX_BYTES = 2 ** 20

export type Reading = Uint8Array | { readonly unreadable: string }

export interface SettledFilesOptions {
  readonly paths: readonly string[]
  readonly clock: Clock
  /** How long the files must stay the same before they are taken for whole, in milliseconds; default 50. */
  readonly settleMs?: number | undefined
  /** How often the files are looked at, in milliseconds; default 1000. */
  readonly pollMs?: number | undefined
  /** One reading for each path, in their order; false: they could not be used, and are told again. Must not throw. */
  readonly onSettled: (readings: readonly Reading[]) => boolean
}

/**
 * A few files that belong together, looked at every second. A change is told once two readings `settleMs` apart agree:
 * half-written files and a swap of Kubernetes' `..data` link in the middle of a reading never do. Looking is what works
 * everywhere (network volumes, links to links, a folder that is replaced), and a certificate is never urgent by less.
 */
export class SettledFiles {
  readonly #paths: readonly string[]
  readonly #clock: Clock
  readonly #settleMs: number
  readonly #pollMs: number
  readonly #onSettled: (readings: readonly Reading[]) => boolean
  #closed = false
  #disarm = (): void => {}
  #looking: Promise<void> = Promise.resolve()
  #marks = ''
  #read: readonly Reading[] | undefined
  #told: readonly Reading[] | undefined

  constructor({ paths, clock, settleMs = 50, pollMs = 1000, onSettled }: SettledFilesOptions) {
    this.#paths = paths
    this.#clock = clock
    this.#settleMs = settleMs
    this.#pollMs = pollMs
    this.#onSettled = onSettled
  }

  /** The first reading is told within `settleMs` where the files lie still. */
  start(): void {
    this.#run()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#disarm()
    await this.#looking
  }

  #run(): void {
    this.#looking = this.#look().then((againMs) => {
      if (!this.#closed) this.#disarm = this.#clock.background(againMs, () => this.#run())
    })
  }

  /** @returns when to look again, in milliseconds */
  async #look(): Promise<number> {
    const marks = await this.#fingerprint()
    if (this.#read !== undefined && this.#read === this.#told && marks === this.#marks) return this.#pollMs
    const readings = await Promise.all(this.#paths.map(reading))
    const settled = this.#read !== undefined && same(readings, this.#read)
    this.#marks = marks
    if (this.#closed) return 0
    if (!settled) {
      this.#read = readings
      return this.#settleMs
    }
    const news = this.#told === undefined || !same(readings, this.#told)
    this.#read = readings
    // What is wrong may pass without a change of the files: a certificate that begins in a second.
    if (news) this.#told = this.#onSettled(readings) ? readings : undefined
    else this.#told = readings
    return this.#pollMs
  }

  /** Differs whenever a file may have changed, through links; far cheaper than reading. */
  async #fingerprint(): Promise<string> {
    const marks = await Promise.all(
      this.#paths.map(async (path) => {
        const stats = await stat(path, { bigint: true }).catch(() => undefined)
        return stats === undefined ? '-' : `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs}`
      }),
    )
    return marks.join('\n')
  }
}

async function reading(path: string): Promise<Reading> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) return { unreadable: `${path} is larger than ${MAX_BYTES} bytes: ${size}` }
    return await readFile(path)
  } catch (error) {
    return { unreadable: `${path}: ${reason(error)}` }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'may not be read: permission denied',
  EISDIR: 'is a folder',
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}

function same(one: readonly Reading[], other: readonly Reading[]): boolean {
  return one.every((reading, index) => equal(reading, other[index]!))
}

function equal(one: Reading, other: Reading): boolean {
  if ('unreadable' in one) return 'unreadable' in other && one.unreadable === other.unreadable
  return !('unreadable' in other) && Buffer.compare(one, other) === 0
}
