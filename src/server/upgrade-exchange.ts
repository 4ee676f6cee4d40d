import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { MeshError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { Exchange, type Track } from './exchange.ts'
import { refuseRaw } from './refuse.ts'

export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/

/** A request to switch protocols: its head is the application's first write, its end the end of the socket. */
export class UpgradeExchange extends Exchange {
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #listener: UpgradeListener
  #code: number | undefined

  constructor(
    runtime: Runtime,
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    listener: UpgradeListener,
    track?: Track,
  ) {
    super(runtime, req, track)
    this.#socket = socket
    this.#head = head
    this.#listener = listener
    // After an upgrade Node watches the socket no more: an error that nobody hears would end the process.
    socket.on('error', () => {})
    socket.once('close', () => (this.#code === undefined ? this.gone() : this.done(this.#code)))
  }

  override get answered(): boolean {
    return this.#code !== undefined
  }

  protected override invoke(): unknown {
    this.#watchFirstWrite()
    return this.#listener(this.req, this.#socket, this.#head)
  }

  protected override answer(error: MeshError): void {
    refuseRaw(this.#socket, error, this.req.method)
  }

  protected override cut(): void {
    this.#socket.destroy()
  }

  /** An upgraded connection has no further request anyway. */
  override lastOfConnection(): void {}

  /** The status of the switch is nowhere but in the bytes; the socket is as it was from the second write on. */
  #watchFirstWrite(): void {
    const socket = this.#socket
    const { write, end } = socket
    const watched =
      (original: (...args: never[]) => unknown) =>
      (...args: unknown[]): unknown => {
        socket.write = write
        socket.end = end
        this.#firstWrite(args[0])
        return original.apply(socket, args as never[])
      }
    socket.write = watched(write as (...args: never[]) => unknown) as typeof write
    socket.end = watched(end as (...args: never[]) => unknown) as typeof end
  }

  #firstWrite(chunk: unknown): void {
    const start =
      typeof chunk === 'string'
        ? chunk.slice(0, 16)
        : Buffer.isBuffer(chunk)
          ? chunk.toString('latin1', 0, 16)
          : ''
    const code = STATUS_LINE.exec(start)?.[1]
    if (code === undefined) return
    this.#code = Number(code)
    this.headSent(this.#code, this.#code === 101)
  }
}
