import type { Mesh } from 'tulle'
import type { Telemetry } from 'tulle/telemetry'
import type { Behaviour, Envelope, Reply } from '../messages.ts'
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
    process.on('message', (envelope: Envelope) => {
      this.#answer(mesh, telemetry, envelope).then(
        (answer) => say({ id: envelope.id, answer }),
        (error: unknown) => say({ id: envelope.id, error: String(error) }),
      )
    })
    // The runner decides when this process ends; a Ctrl-C in its terminal reaches all of them. When the runner is
    // gone, so is the reason to be here. The channel itself must not keep a drained process alive.
    process.on('SIGINT', () => {})
    process.on('disconnect', () => process.exit())
    process.channel?.unref()
    say({ ready: true })
  }

  async #answer(mesh: Mesh, telemetry: Telemetry, question: Envelope): Promise<unknown> {
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

function say(reply: Reply): void {
  if (process.connected) process.send?.(reply)
}
