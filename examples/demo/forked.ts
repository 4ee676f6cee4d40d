import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Channel } from './channel.ts'
import type { PlaneQuestion, Question, Reply } from './messages.ts'

const START_MS = 15_000
const SAID = 8000

export type State = 'down' | 'starting' | 'up' | 'draining' | 'killed'

/** A process of the demo: started, asked, stopped and started again, always on the same port. */
export class Forked {
  readonly name: string
  readonly port: number
  state: State = 'down'
  readonly #program: string
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  #channel: Channel | undefined
  #said = ''

  /** @param program beside this file, without its extension */
  constructor(name: string, port: number, program: string, env: NodeJS.ProcessEnv) {
    this.name = name
    this.port = port
    this.#program = fileURLToPath(new URL(`./${program}${extname(import.meta.url)}`, import.meta.url))
    this.#env = { ...env, DEMO_PORT: String(port) }
  }

  /** Undefined while no process runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** What the process has written to stderr, the last of it. */
  get said(): string {
    return this.#said
  }

  /** @throws with what the process wrote to stderr, when it ends or hangs before it serves */
  async start(): Promise<void> {
    const child = fork(this.#program, [], {
      env: this.#env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child.once('exit', () => {
      this.#child = undefined
      if (this.state !== 'killed') this.state = 'down'
    })
    this.#child = child
    this.#channel = new Channel(this.name, child)
    this.state = 'starting'
    await this.#serves(child)
    this.state = 'up'
  }

  /** Sends a signal; resolves with the exit code once the process is gone, -1 if the signal ended it. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const child = this.#child
    if (child === undefined) return 0
    this.state = signal === 'SIGTERM' ? 'draining' : 'killed'
    const gone = once(child, 'exit')
    child.kill(signal)
    const [code] = (await gone) as [number | null]
    return code ?? -1
  }

  /** Ends the process without waiting: for exits of the runner. */
  killNow(): void {
    this.#child?.kill('SIGKILL')
  }

  async ask(question: Question | PlaneQuestion): Promise<unknown> {
    if (this.#channel === undefined) throw new Error(`${this.name} was never started`)
    return this.#channel.ask(question)
  }

  #serves(child: ChildProcess): Promise<void> {
    this.#said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-SAID)
    })
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(late)
        reject(
          new Error(`${this.name} (127.0.0.1:${this.port}) ${why}\n${this.#said.slice(-2000)}`.trimEnd()),
        )
      }
      const late = setTimeout(() => fail(`did not serve within ${START_MS / 1000} s`), START_MS)
      child.once('error', (error) => fail(`could not be started: ${error.message}`))
      // `close` comes after `exit` and after the end of stderr, so that the reason is complete.
      child.once('close', (code, signal) => fail(`ended with ${signal ?? `code ${code}`} before it served`))
      child.on('message', (reply: Reply) => {
        if (!('ready' in reply)) return
        clearTimeout(late)
        resolve()
      })
    })
  }
}
