import type { Duplex } from 'node:stream'
import { type Dispatcher, errors, util } from 'undici'
import { Controller } from './controller.ts'

/**
 * Who is told of an answer, in the shape undici's HTTP/1 client itself calls (its older handler interface). That
 * shape hears of everything (`onRequestSent` exists nowhere else), needs no wrapper below us, and is what
 * `undici.request`, undici's `fetch` and the built-in `fetch` of Node 20 hand over: for them nothing is converted.
 */
export interface Receiver {
  onConnect(abort: (reason?: unknown) => void, context?: unknown): void
  onResponseStarted?(): void
  /** False: pause until `resume`. */
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): unknown
  onData(chunk: Buffer): unknown
  onComplete(rawTrailers: Buffer[]): void
  onUpgrade?(status: number, rawHeaders: Buffer[], socket: Duplex): void
  onError(error: unknown): void
  onBodySent?(chunk: Uint8Array | string): void
  onRequestSent?(): void
}

/**
 * What a caller handed to `dispatch`, as a Receiver. Throws undici's own error where undici would.
 *
 * @param switches the call asks for another protocol: 101 or CONNECT
 */
export function receiverOf(
  handler: Dispatcher.DispatchHandler,
  owner: { abort(reason: unknown): void },
  switches: boolean,
): Receiver {
  if (typeof handler.onRequestStart === 'function') return new ModernReceiver(handler, new Controller(owner))
  const methods = switches ? SWITCHING : ANSWERING
  const missing = methods.find((method) => typeof handler[method] !== 'function')
  if (missing !== undefined) throw new errors.InvalidArgumentError(`invalid ${missing} method`)
  return handler as unknown as Receiver
}

const SWITCHING = ['onConnect', 'onError', 'onUpgrade'] as const
const ANSWERING = ['onConnect', 'onError', 'onHeaders', 'onData', 'onComplete'] as const

/** undici's newer handlers, which get a controller and headers as an object. */
class ModernReceiver implements Receiver {
  readonly #handler: Dispatcher.DispatchHandler & Pick<Receiver, 'onBodySent' | 'onRequestSent'>
  readonly #controller: Controller

  constructor(handler: Dispatcher.DispatchHandler, controller: Controller) {
    this.#handler = handler as Dispatcher.DispatchHandler & Pick<Receiver, 'onBodySent' | 'onRequestSent'>
    this.#controller = controller
  }

  onConnect(_abort: (reason?: unknown) => void, context: unknown): void {
    this.#handler.onRequestStart?.(this.#controller, context)
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    const controller = this.#controller
    controller.live = resume
    controller.rawHeaders = rawHeaders
    this.#handler.onResponseStart?.(controller, status, util.parseHeaders(rawHeaders), statusText)
    return !controller.paused
  }

  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData?.(this.#controller, chunk)
    return !this.#controller.paused
  }

  onComplete(rawTrailers: Buffer[]): void {
    this.#controller.rawTrailers = rawTrailers
    this.#handler.onResponseEnd?.(this.#controller, util.parseHeaders(rawTrailers))
  }

  onUpgrade(status: number, rawHeaders: Buffer[], socket: Duplex): void {
    this.#controller.rawHeaders = rawHeaders
    this.#handler.onRequestUpgrade?.(this.#controller, status, util.parseHeaders(rawHeaders), socket)
  }

  onError(error: unknown): void {
    this.#handler.onResponseError?.(this.#controller, error as Error)
  }

  onBodySent(chunk: Uint8Array | string): void {
    this.#handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.()
  }
}

/** For the shadow of a call: the answer is read and dropped. */
export const NOBODY: Receiver = {
  onConnect() {},
  onHeaders: () => true,
  onData: () => true,
  onComplete() {},
  onUpgrade(_status, _rawHeaders, socket) {
    socket.destroy()
  },
  onError() {},
}
