import type { Mesh } from 'tulle'
import type { Telemetry } from 'tulle/telemetry'
import type { Behaviour, Question } from '../messages.ts'
import { obey } from '../obey.ts'
import { SpanShelf } from './spans.ts'

/**
 * The string the runner pulls an instance by: it can slow the instance down, make it answer 503, and look inside.
 * A real service has nothing of this; everything it needs of tulle is in web.ts, orders.ts and stock.ts.
 */
export class Link {
  readonly name = process.env.DEMO_INSTANCE ?? 'unnamed'
  readonly port = Number(process.env.DEMO_PORT)
  readonly spans = new SpanShelf(process.env.TULLE_SERVICE ?? 'unnamed')
  #behaviour: Behaviour = {}
  #refusals = 0

  /** The status to refuse a request with, where the runner asked for that. */
  refusalOf(path: string): number | undefined {
    const { status, only = '' } = this.#behaviour
    if (status === undefined || !path.endsWith(only)) return undefined
    this.#refusals++
    return status
  }

  /** Takes as long as the runner asked for. */
  async dawdle(): Promise<void> {
    const { delayMs } = this.#behaviour
    if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
  }

  /** Tells the runner that this instance serves, and answers its questions from now on. */
  open(mesh: Mesh, telemetry: Telemetry): void {
    obey((question: Question) => this.#answer(mesh, telemetry, question))
  }

  async #answer(mesh: Mesh, telemetry: Telemetry, question: Question): Promise<unknown> {
    switch (question.ask) {
      case 'behave':
        this.#behaviour = question.behaviour
        this.#refusals = 0
        return undefined
      case 'refusals':
        return this.#refusals
      case 'health':
        return mesh.health()
      case 'describe':
        return mesh.describe(question.service)
      case 'spans':
        await telemetry.flush()
        return this.spans.of(question.traceId)
    }
  }
}
