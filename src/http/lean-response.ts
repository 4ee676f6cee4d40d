import * as workers from 'node:worker_threads'
import type { LeanAnswer } from './lean-answer.ts'
import { LeanBody } from './lean-body.ts'
import { responseHeaders } from './lean-response-headers.ts'

/** Since Node.js 22.10: what a Response is to `structuredClone`. */
const { markAsUncloneable } = workers as { markAsUncloneable?: (object: object) => void }

/**
 * What the lean fetch resolves with: `instanceof Response`, and like one in all that a program can ask of it. Its
 * prototype inherits from `Response.prototype`; it was not made by that constructor, so methods taken from there and
 * applied to it (`Response.prototype.text.call(answer)`) refuse it, as they do any stranger.
 */
class LeanResponse {
  readonly #answer: LeanAnswer
  readonly #body: LeanBody
  #headers: Headers | undefined

  constructor(answer: LeanAnswer, body: LeanBody) {
    this.#answer = answer
    this.#body = body
    markAsUncloneable?.(this)
  }

  /** A real one around the same bytes. */
  static realOf(response: LeanResponse): Response {
    return response.#body.real
  }

  get type(): string {
    return 'basic'
  }

  get url(): string {
    return this.#answer.request.url
  }

  get redirected(): boolean {
    return false
  }

  get status(): number {
    return this.#answer.status
  }

  get ok(): boolean {
    const { status } = this.#answer
    return status >= 200 && status < 300
  }

  get statusText(): string {
    return this.#answer.statusText
  }

  get headers(): Headers {
    this.#headers ??= responseHeaders(this.#answer.rawHeaders)
    return this.#headers
  }

  get body(): ReadableStream | null {
    return this.#body.real.body
  }

  get bodyUsed(): boolean {
    return this.#body.used
  }

  text(): Promise<string> {
    return this.#body.whole(toText, (real) => real.text())
  }

  json(): Promise<unknown> {
    return this.#body.whole(toJson, (real) => real.json())
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body.whole(toArrayBuffer, (real) => real.arrayBuffer())
  }

  bytes(): Promise<Uint8Array> {
    return this.#body.whole(toBytes, (real) => (real as WithBytes).bytes())
  }

  blob(): Promise<Blob> {
    return this.#body.whole(undefined, (real) => real.blob())
  }

  formData(): Promise<FormData> {
    return this.#body.whole(undefined, (real) => real.formData() as Promise<FormData>)
  }

  clone(): Response {
    const body = this.#body.clone()
    forgotten.register(this, this.#body)
    return made(new LeanResponse(this.#answer, body), body)
  }
}

type WithBytes = Response & { bytes(): Promise<Uint8Array> }

/** Bodies nobody can read any more, by the answers that had them. */
const forgotten = new FinalizationRegistry<LeanBody>((body) => body.forgotten())

/** The answer at its head, for the application. */
export function responseOf(answer: LeanAnswer): Response {
  adopt()
  const body = new LeanBody(answer)
  const response = new LeanResponse(answer, body)
  // One that has come whole holds no connection, and without a signal nobody knows of it.
  const done = (answer.bodiless || answer.complete) && answer.request.signal === undefined
  return done ? (response as unknown as Response) : made(response, body)
}

function made(response: LeanResponse, body: LeanBody): Response {
  forgotten.register(response, body)
  return response as unknown as Response
}

let adopted = false

/** Late: Node.js loads its `Response` when somebody asks for it, and that takes tens of milliseconds. */
function adopt(): void {
  if (adopted) return
  adopted = true
  const ours: object = LeanResponse.prototype
  Object.setPrototypeOf(ours, Response.prototype)
  Object.defineProperty(ours, 'constructor', { value: Response })
  for (const [name, theirs] of Object.entries(Object.getOwnPropertyDescriptors(Response.prototype))) {
    if (name === 'constructor') continue
    const { enumerable = false } = theirs
    if (Object.hasOwn(ours, name)) Object.defineProperty(ours, name, { enumerable })
    else if (LATER.has(name)) Object.defineProperty(ours, name, { ...theirs, value: borrowed(theirs.value) })
  }
}

/**
 * What only later versions of Node.js have is asked of a real `Response`: `textStream`, since 26. Not whatever is found
 * there: what a program has added to the prototype itself is to see this answer.
 */
const LATER: ReadonlySet<string> = new Set(['textStream'])

function borrowed(method: (...given: unknown[]) => unknown) {
  return function (this: LeanResponse, ...given: unknown[]): unknown {
    return method.apply(LeanResponse.realOf(this), given)
  }
}

const decoder = new TextDecoder()

/** As fetch does it: a byte order mark is taken away before decoding, which takes one away too. */
const toText = (bytes: Buffer): string =>
  decoder.decode(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes)
const toJson = (bytes: Buffer): unknown => JSON.parse(toText(bytes))
const toArrayBuffer = (bytes: Buffer): ArrayBuffer =>
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
const toBytes = (bytes: Buffer): Uint8Array => new Uint8Array(bytes)
