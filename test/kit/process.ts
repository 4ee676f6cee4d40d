import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What `node:test` gives a test, as far as the kit needs it. */
export interface Cleanup {
  after(fn: () => unknown): void
}

export interface ProcessOptions {
  readonly args?: readonly string[]
  /** Added to a bare environment: the test's own variables do not leak in. */
  readonly env?: Readonly<Record<string, string>>
  /** What the program prints when it is ready; its groups are `ready`. Default: /^ready ?(.*)$/m */
  readonly ready?: RegExp
  /** Milliseconds until it must be ready; default 10,000. */
  readonly readyWithinMs?: number
  /** A command to run Node under, such as `['ip', 'netns', 'exec', 'x']`. */
  readonly under?: readonly string[]
  readonly nodeArgs?: readonly string[]
  /** Default the test's own. */
  readonly cwd?: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface TestProcess {
  readonly pid: number
  /** The match of the ready line. */
  readonly ready: RegExpExecArray
  readonly stdout: string
  readonly stderr: string
  readonly exited: Promise<Exit>
  /** Undefined while it runs. */
  readonly exit: Exit | undefined
  kill(signal?: NodeJS.Signals): Promise<Exit>
}

/**
 * The file `path` beside a module (`siblingOf(import.meta.url, './service')`), with that module's own extension: tests
 * run compiled, and straight from their sources where the runtime strips types.
 */
export function siblingOf(moduleUrl: string, path: string): string {
  return fileURLToPath(new URL(`${path}${extname(moduleUrl)}`, moduleUrl))
}

/** Starts a program and waits for its ready line. It is killed at the end of the test, whatever happens. */
export async function startProcess(
  t: Cleanup,
  file: string,
  options: ProcessOptions = {},
): Promise<TestProcess> {
  const [command, ...rest] = [
    ...(options.under ?? []),
    process.execPath,
    ...(options.nodeArgs ?? []),
    file,
    ...(options.args ?? []),
  ]
  const child = spawn(command as string, rest, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const output = collect(child)
  let exit: Exit | undefined
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      output.stderr += String(error)
      resolve({ code: -1, signal: null })
    })
    child.once('exit', (code, signal) => resolve({ code, signal }))
  }).then((how) => {
    exit = how
    return how
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> => {
    if (exit === undefined) child.kill(signal)
    return exited
  }
  t.after(() => kill())

  const ready = await whenReady(child, output, exited, file, options)
  return {
    pid: child.pid as number,
    ready,
    get stdout() {
      return output.stdout
    },
    get stderr() {
      return output.stderr
    },
    exited,
    get exit() {
      return exit
    },
    kill,
  }
}

interface Output {
  stdout: string
  stderr: string
}

function collect(child: ChildProcess): Output {
  const output: Output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  return output
}

async function whenReady(
  child: ChildProcess,
  output: Output,
  exited: Promise<Exit>,
  file: string,
  options: ProcessOptions,
): Promise<RegExpExecArray> {
  const pattern = options.ready ?? /^ready ?(.*)$/m
  const withinMs = options.readyWithinMs ?? 10_000
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`${file} ${why}\n--- stdout\n${output.stdout}\n--- stderr\n${output.stderr}`))
    }
    const timer = setTimeout(() => fail(`was not ready within ${withinMs} ms`), withinMs)
    const look = (): void => {
      const match = pattern.exec(output.stdout)
      if (match === null) return
      clearTimeout(timer)
      child.stdout?.off('data', look)
      resolve(match)
    }
    child.stdout?.on('data', look)
    void exited.then(({ code, signal }) => fail(`ended before it was ready (${signal ?? code})`))
  })
}
