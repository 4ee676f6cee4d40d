import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MeshError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { Exchange, type Track } from './exchange.ts'
import { withoutOurWords } from './own-words.ts'
import { answeredEarly, refuse, refuseRaw } from './refuse.ts'

/** The application as plain Node knows it. A promise it returns is awaited for its rejection alone. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

/** A request that is answered through a `ServerResponse`: over at its `finish` or `close`, whichever is first. */
export class RequestExchange extends Exchange {
  readonly #res: ServerResponse
  readonly #listener: Listener

  constructor(
    runtime: Runtime,
    req: IncomingMessage,
    res: ServerResponse,
    listener: Listener,
    track?: Track,
  ) {
    super(runtime, req, track)
    this.#res = res
    this.#listener = listener
    res.on('finish', () => {
      answeredEarly(res)
      this.done(res.statusCode)
    })
    res.on('close', () => this.gone())
  }

  override get answered(): boolean {
    return this.#res.headersSent
  }

  protected override invoke(): unknown {
    withoutOurWords(this.#res)
    return this.#listener(this.req, this.#res)
  }

  protected override answer(error: MeshError, keep: boolean): void {
    const { socket } = this.#res
    if (keep) refuse(this.#res, error)
    // A handler that is still running holds the response: ended under it, its next write would be an uncaught error.
    // So the answer goes past it, and it sees what it sees when a caller hangs up.
    else if (socket === null) this.#res.destroy()
    else refuseRaw(socket, error, this.req.method)
  }

  protected override cut(): void {
    if (!this.#res.writableFinished) this.#res.destroy()
  }

  override lastOfConnection(): void {
    if (!this.#res.headersSent) this.#res.shouldKeepAlive = false
  }
}
