import { request } from 'undici'

/** Asks web for quotes at a steady pace, apart from the traffic that is counted. Orders needs 400 ms for one. */
export class Quotes {
  ok = 0
  cut = 0
  lastProblem = ''
  readonly #timer: NodeJS.Timeout
  readonly #waiting = new Set<Promise<void>>()

  constructor(url: string) {
    this.#timer = setInterval(() => {
      const one = this.#ask(`${url}/quotes/demo`).finally(() => this.#waiting.delete(one))
      this.#waiting.add(one)
    }, 100)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#waiting)
  }

  async #ask(url: string): Promise<void> {
    const { statusCode, body } = await request(url)
    const answer = (await body.json()) as { error?: string; code?: string }
    if (statusCode === 200) {
      this.ok++
    } else {
      this.cut++
      this.lastProblem = answer.error ?? answer.code ?? `HTTP ${statusCode}`
    }
  }
}
