import { type ChildProcess, spawn } from 'node:child_process'
import type { Exit } from '../process.ts'

/**
 * A program that knows nothing of us: it neither keeps this process running nor outlives it, however this one ends.
 * Its guard, a shell that waits for the end of a pipe only we hold, kills it and removes `folder`, if any, when we are gone.
 */
export class Child {
  readonly pid: number
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #guard: ChildProcess
  #log = ''
  #exit: Exit | undefined

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>, folder = '') {
    this.#process = spawn(command, args, {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.pid = this.#process.pid ?? -1
    this.#guard = spawn(
      'sh',
      ['-c', 'read -r _; kill -9 "$0"; [ -z "$1" ] || rm -rf "$1"', String(this.pid), folder],
      {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    )
    this.#guard.stdin?.on('error', () => {})
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text
      })
    }
    this.exited = new Promise<Exit>((resolve) => {
      this.#process.once('error', (error) => {
        this.#log += String(error)
        resolve({ code: -1, signal: null })
      })
      this.#process.once('close', (code, signal) => resolve({ code, signal }))
    }).then((exit) => {
      this.#exit = exit
      this.#guard.kill('SIGKILL')
      return exit
    })
    this.#letGo('unref')
    this.#guard.unref()
    unref(this.#guard.stdin)
  }

  /** What it printed so far. */
  get log(): string {
    return this.#log
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#process.kill(signal)
  }

  /** Resolves when it is gone. A stopped process ends too: SIGCONT follows. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#letGo('ref')
    this.signal(signal)
    this.signal('SIGCONT')
    return this.exited
  }

  #letGo(how: 'ref' | 'unref'): void {
    this.#process[how]()
    for (const stream of [this.#process.stdout, this.#process.stderr])
      (stream as unknown as { ref(): void; unref(): void } | null)?.[how]()
  }
}

function unref(stream: unknown): void {
  ;(stream as { unref?(): void } | null)?.unref?.()
}
