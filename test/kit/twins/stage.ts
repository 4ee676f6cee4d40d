import { writeFileSync } from 'node:fs'
import { makeGenericClientConstructor } from '@grpc/grpc-js'
import { type HasRuntime, RUNTIME } from '../../../src/core/runtime.ts'
import { client } from '../../../src/grpc/index.ts'
import { createMesh, type Mesh } from '../../../src/index.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import type { Conduct, Twin } from './behaviour.ts'
import { grpcTwin, TWIN } from './grpc-twin.ts'
import { httpTwin } from './http-twin.ts'

const TwinClient = makeGenericClientConstructor(TWIN, 'Twin')
type Unary = (message: Buffer, callback: (error: unknown, answer?: Buffer) => void) => void

/** How many virtual milliseconds pass in one turn of the real event loop while a call is on. */
const TURN_MS = 5

/** One line of what was seen; the same words for both protocols. */
export type Line = string

/**
 * A service of three servers and a client of it in one protocol, on a clock of their own. Everything a policy can
 * decide about is written down in the same words, so that two protocols can be held against each other.
 */
export class TwinStage {
  readonly protocol: 'http' | 'grpc'
  readonly lines: Line[] = []
  /** Of the breaker; apart, since it tells of them a tick later than of anything else. */
  readonly transitions: string[] = []
  readonly #twins: readonly Twin[]
  readonly #clock = new ManualClock()
  readonly #mesh: Mesh
  #breaker = 'closed'

  private constructor(protocol: 'http' | 'grpc', policy: string, twins: readonly Twin[]) {
    this.protocol = protocol
    this.#twins = twins
    this.#mesh = createMesh({
      service: 'tester',
      log: 'error',
      env: {},
      clock: this.#clock,
      // Always the same draw: how often chance is asked is a protocol's own affair.
      random: () => 0.5,
      policy,
      endpoints: { twins: twins.map(({ port }) => `127.0.0.1:${port}`) },
    })
    const { events } = (this.#mesh as unknown as HasRuntime)[RUNTIME]
    events.on('ejected', ({ endpoint, reason }) => this.#note(`${this.#number(endpoint)} ejected: ${reason}`))
    events.on('readmitted', ({ endpoint }) => this.#note(`${this.#number(endpoint)} readmitted`))
    events.on('retry', ({ condition, transparent }) =>
      this.#note(`${transparent ? 'transparent ' : ''}retry after ${condition}`),
    )
    events.on('retry-refused', ({ reason }) => this.#note(`no retry: ${reason}`))
    events.on('panic', ({ active }) => this.#note(active ? 'panic' : 'panic over'))
    events.on('breaker', ({ state }) => {
      this.#breaker = state
      this.transitions.push(state)
    })
    events.on('call', ({ attempts, outcome: { class: verdict, condition, error } }) => {
      // What a peer answered is no error of ours, in neither protocol.
      const how = error?.refusal === true ? error.code : (condition ?? '')
      this.#note(`call: ${attempts} attempts, ${verdict} ${how}`.trimEnd())
    })
  }

  static async open(protocol: 'http' | 'grpc', policyPath: string): Promise<TwinStage> {
    const make = protocol === 'http' ? httpTwin : grpcTwin
    const stage = new TwinStage(protocol, policyPath, await Promise.all([make(), make(), make()]))
    await stage.#mesh.start()
    return stage
  }

  get breaker(): string {
    return this.#breaker
  }

  conduct(conduct: Conduct, ...numbers: number[]): void {
    for (const number of numbers) this.#twin(number).conduct = conduct
  }

  /** One call after the other; time passes while they run, and only then. */
  async calls(count: number, method: 'Ask' | 'Do' = 'Ask'): Promise<void> {
    for (let i = 0; i < count; i++) {
      let over = false
      const call = this.#call(method).finally(() => {
        over = true
      })
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve))
        this.#clock.advance(TURN_MS)
      }
      await call
      this.#note(`asked: ${this.#twins.map((twin) => twin.asked).join(' ')}`)
      for (const twin of this.#twins) twin.asked = 0
    }
  }

  /** Time passes, and nothing else happens. */
  wait(ms: number): void {
    this.#clock.advance(ms)
  }

  stop(number: number): Promise<void> {
    return this.#twin(number).stop()
  }

  start(number: number): Promise<void> {
    return this.#twin(number).start()
  }

  note(text: string): void {
    this.#note(`— ${text}`)
  }

  async close(): Promise<void> {
    const closing = this.#mesh.close()
    let over = false
    void closing.finally(() => {
      over = true
    })
    while (!over) {
      await new Promise((resolve) => setImmediate(resolve))
      this.#clock.advance(TURN_MS)
    }
    await closing
    await Promise.all(this.#twins.map((twin) => twin.stop()))
  }

  async #call(method: 'Ask' | 'Do'): Promise<void> {
    if (this.protocol === 'http') {
      const verb = method === 'Ask' ? 'GET' : 'POST'
      const answer = this.#mesh.request(`http://twins.mesh/tulle.twin.Twin/${method}`, { method: verb })
      await answer.then(({ body }) => body.dump()).catch(() => {})
      return
    }
    const twins = client(this.#mesh, TwinClient, 'twins')
    const ask = (twins as unknown as Record<string, Unary>)[method] as Unary
    await new Promise<void>((resolve) => ask.call(twins, Buffer.from('?'), () => resolve()))
  }

  #note(line: Line): void {
    this.lines.push(line)
  }

  #twin(number: number): Twin {
    return this.#twins[number - 1] as Twin
  }

  #number(endpoint: string): number {
    return 1 + this.#twins.findIndex(({ port }) => endpoint === `127.0.0.1:${port}`)
  }
}

export function writePolicy(path: string, text: string): string {
  writeFileSync(path, text)
  return path
}
