/** Processes of the bench: pinned to a core, asked over their channel, gone with the runner. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Answer } from './worker.ts'

/** One core for what is looked at, one for everything it talks to. */
export const APPLICATION_CORE = 0
export const OTHER_CORE = 1
export const pinned = availableParallelism() > 1 && spawnSync('taskset', ['-c', '1', 'true']).status === 0

/** A file of this directory, compiled or as it is. */
export const fileOf = (name: string): string =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))

/** Moves a process and all its threads to a core, where `taskset` exists. */
export function pin(pid: number, core: number): void {
  if (pinned) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)])
}

/** `undefined`: any core. */
export const onCore = (core: number | undefined, command: readonly string[]): [string, ...string[]] => {
  const [program = '', ...rest] =
    pinned && core !== undefined ? ['taskset', '-c', String(core), ...command] : command
  return [program, ...rest]
}

/**
 * While others have their turn a process is idle, and V8 would tidy up: collect, and forget compiled code. That would cost
 * others their window, and this one its next.
 */
const NOT_TIDY = ['--no-memory-reducer', '--no-flush-bytecode']

/** A Node process that answers questions (`worker.ts`). */
export class Peer<Q> {
  readonly name: string
  readonly pid: number
  readonly #child: ChildProcess
  #answered: ((answer: Answer) => void) | undefined
  #ended: string | undefined

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.pid = child.pid ?? -1
    this.#child = child
    child.on('message', (message) => this.#settle(message as Answer))
    child.on('error', (error) => this.#end(error.message))
    child.on('exit', (code, signal) => this.#end(`ended with ${signal ?? `exit code ${code}`}`))
  }

  /** Resolves once it is ready, with what it said first. */
  static async start<Q, R>(
    core: number | undefined,
    file: string,
    settings: unknown,
    name: string,
    nodeArgs: readonly string[] = [],
  ): Promise<{ peer: Peer<Q>; ready: R }> {
    const command = [process.execPath, ...NOT_TIDY, ...nodeArgs, fileOf(file), JSON.stringify(settings)]
    const [program, ...args] = onCore(core, command)
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const peer = new Peer<Q>(name, child)
    return { peer, ready: (await peer.#next()) as R }
  }

  /** @throws Error what went wrong there, with its name */
  ask<R>(question: Q): Promise<R> {
    const next = this.#next()
    if (this.#child.connected) this.#child.send(question as object)
    return next as Promise<R>
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  #next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#answered = (answer) => {
        if ('error' in answer) reject(new Error(`${this.name}: ${answer.error}`))
        else resolve(answer.value)
      }
      if (this.#ended !== undefined) this.#settle({ error: this.#ended })
    })
  }

  #settle(answer: Answer): void {
    const answered = this.#answered
    this.#answered = undefined
    answered?.(answer)
  }

  #end(how: string): void {
    this.#ended = how
    this.#settle({ error: how })
  }
}
