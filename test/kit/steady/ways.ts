import type { Dispatcher } from 'undici'
import { isMeshError, type Mesh } from '../../../src/index.ts'

export type Method = 'GET' | 'POST'
/** When the caller gives up. */
export type Leave = 'never' | 'before' | 'at once' | 'head' | 'body'

export interface Ask {
  readonly origin: string
  readonly path: string
  readonly method: Method
  readonly leave: Leave
  readonly timeoutMs: number
  /** A header that no other call has. */
  readonly header: string | undefined
}

const BODY = JSON.stringify({ text: 'x'.repeat(200) })
export const REASON = new Error('I have to go')

function contentOf({ method, header }: Ask): { headers?: Record<string, string>; body?: string } {
  const own: Record<string, string> = header === undefined ? {} : { [header]: 'here' }
  if (method === 'POST') return { headers: { 'content-type': 'application/json', ...own }, body: BODY }
  return header === undefined ? {} : { headers: own }
}

/** A status with the bytes that came, or the code of what it failed with. */
export const wordOf = (error: unknown): string =>
  error === REASON ? 'left' : isMeshError(error) ? error.code : String(error)

export function dispatched(mesh: Mesh, ask: Ask): Promise<string> {
  const { origin, path, method, timeoutMs } = ask
  return new Promise((resolve) => {
    const options = { origin, path, method, ...contentOf(ask), mesh: { timeout: timeoutMs } }
    mesh.dispatcher.dispatch(options, new Handler(ask.leave, resolve))
  })
}

class Handler implements Dispatcher.DispatchHandler {
  readonly #leave: Leave
  readonly #resolve: (word: string) => void
  #status = 0
  #bytes = 0
  constructor(leave: Leave, resolve: (word: string) => void) {
    this.#leave = leave
    this.#resolve = resolve
  }
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#leave === 'before') controller.abort(REASON)
    else if (this.#leave === 'at once') queueMicrotask(() => controller.abort(REASON))
  }
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status
    if (this.#leave === 'head') controller.abort(REASON)
  }
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#leave === 'body') controller.abort(REASON)
  }
  onResponseEnd(): void {
    this.#resolve(`${this.#status} ${this.#bytes}`)
  }
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#resolve(wordOf(error))
  }
}

export type Reading = 'whole' | 'stream' | 'copy' | 'not'

/** @param shared a signal that many calls have in common and that never aborts */
export async function fetched(
  mesh: Mesh,
  ask: Ask,
  reading: Reading,
  shared: AbortSignal | undefined,
): Promise<string> {
  const { origin, path, method, leave, timeoutMs } = ask
  const controller = leave === 'never' ? undefined : new AbortController()
  const signal = controller?.signal ?? shared
  if (leave === 'before') controller?.abort(REASON)
  try {
    const answering = mesh.fetch(`${origin}${path}`, {
      method,
      ...contentOf(ask),
      ...(signal === undefined ? {} : { signal }),
      mesh: { timeout: timeoutMs },
    })
    if (leave === 'at once') queueMicrotask(() => controller?.abort(REASON))
    const answer = await answering
    if (leave === 'head') controller?.abort(REASON)
    if (reading === 'not') return `${answer.status} unread`
    return `${answer.status} ${await bytesOf(answer, leave === 'body' ? 'stream' : reading, controller)}`
  } catch (error) {
    return wordOf(error)
  }
}

async function bytesOf(answer: Response, reading: Reading, leaving?: AbortController): Promise<number> {
  if (reading === 'whole') return (await answer.arrayBuffer()).byteLength
  if (reading === 'copy') {
    const [copy] = await Promise.all([answer.clone().text(), answer.text()])
    return copy.length
  }
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    leaving?.abort(REASON)
  }
  return bytes
}
