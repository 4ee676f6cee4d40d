import type { ChildProcess } from 'node:child_process'
import type { PlaneQuestion, Question, Reply } from './messages.ts'

const ANSWER_MS = 3000

interface Waiting {
  readonly answer: (value: unknown) => void
  readonly fail: (error: Error) => void
}

/** Questions to a process of the demo and their answers, over the channel that Node opens to a forked process. */
export class Channel {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0

  constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#child = child
    child.on('message', (reply: Reply) => {
      if ('ready' in reply) return
      const waiting = this.#waiting.get(reply.id)
      if ('error' in reply) waiting?.fail(new Error(`${name}: ${reply.error}`))
      else waiting?.answer(reply.answer)
    })
    child.on('exit', () => {
      for (const { fail } of [...this.#waiting.values()]) fail(new Error(`${name} ended`))
    })
  }

  /** @throws when the process ends, or does not answer in time */
  async ask(question: Question | PlaneQuestion): Promise<unknown> {
    const id = ++this.#asked
    let late: NodeJS.Timeout | undefined
    try {
      return await new Promise((answer, fail) => {
        const { ask } = question
        late = setTimeout(() => fail(new Error(`${this.#name} did not answer "${ask}" in time`)), ANSWER_MS)
        this.#waiting.set(id, { answer, fail })
        this.#child.send({ ...question, id }, (error) => {
          if (error !== null) fail(error)
        })
      })
    } finally {
      clearTimeout(late)
      this.#waiting.delete(id)
    }
  }
}
