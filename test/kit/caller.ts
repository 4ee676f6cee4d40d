import { bodyOf } from './behaviour.ts'

/** What the caller of one call saw. */
export interface Observation {
  readonly id: string
  readonly method: string
  readonly idempotent: boolean
  readonly timeoutMs?: number
  readonly tookMs: number
  readonly status?: number
  /** The `x-request-id` of the answer. */
  readonly echoed?: string
  /** The body ended without an error. */
  readonly complete: boolean
  readonly expectedBytes?: number
  readonly receivedBytes: number
  /** The body is not `bodyOf(id, …)` although it should be. */
  readonly corrupt?: boolean
  readonly from?: string
  readonly error?: unknown
  /** Every policy version this call met, as far as anything said so. */
  readonly versions?: readonly string[]
}

/** `mesh.request`, or anything of undici.request's shape. */
export type Request = (url: string, options: RequestOptions) => Promise<Answer>

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: unknown
  headersTimeout?: number
  bodyTimeout?: number
  mesh?: { timeout?: string; retry?: false; idempotent?: boolean }
}

export interface Answer {
  readonly statusCode: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: AsyncIterable<Uint8Array>
}

export interface Ask extends RequestOptions {
  readonly id?: string
  readonly path?: string
  /** The call's own timeout, as number here and as option on the call. */
  readonly timeoutMs?: number
  /** The answer should be `bodyOf(id, bytes)`. */
  readonly bytes?: number
  /** The policy says that this call may be executed twice, which only it can know. */
  readonly repeatable?: true
  /** For the ledger: what it is to do with this very request. */
  readonly ledger?: object
}

const SAFE_TWICE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
let run = 0

/** Makes calls and keeps what became of each, for the invariants. It never throws for a call that failed. */
export class Caller {
  readonly seen: Observation[] = []
  readonly #request: Request
  readonly #origin: string
  readonly #prefix = `r${process.pid.toString(36)}-${++run}-`
  #next = 0

  constructor(request: unknown, origin: string) {
    this.#request = request as Request
    this.#origin = origin
  }

  async ask(ask: Ask = {}): Promise<Observation> {
    const {
      id = `${this.#prefix}${this.#next++}`,
      path = '/',
      timeoutMs,
      bytes,
      ledger,
      repeatable,
      ...options
    } = ask
    const method = options.method ?? 'GET'
    const headers: Record<string, string> = { 'x-request-id': id, ...options.headers }
    if (ledger !== undefined) headers['x-ledger'] = JSON.stringify(ledger)
    const mesh = timeoutMs === undefined ? options.mesh : { ...options.mesh, timeout: `${timeoutMs}ms` }
    const idempotent =
      repeatable === true ||
      SAFE_TWICE.has(method) ||
      headers['idempotency-key'] !== undefined ||
      options.mesh?.idempotent === true
    const started = performance.now()
    const partial = { id, method, idempotent, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    const got = { status: undefined as number | undefined, chunks: [] as Uint8Array[], head: {} as object }
    let outcome: { complete: boolean; error?: unknown }
    let expectedBytes: number | undefined
    try {
      const answer = await this.#request(`${this.#origin}${path}`, {
        ...options,
        method,
        headers,
        ...(mesh === undefined ? {} : { mesh }),
      })
      got.status = answer.statusCode
      got.head = headOf(answer)
      const length = answer.headers['content-length']
      if (typeof length === 'string' && method !== 'HEAD') expectedBytes = Number(length)
      for await (const chunk of answer.body) got.chunks.push(chunk)
      outcome = { complete: true }
    } catch (error) {
      outcome = { complete: false, error }
    }
    const body = Buffer.concat(got.chunks)
    const seen: Observation = {
      ...partial,
      ...got.head,
      ...outcome,
      ...(got.status === undefined ? {} : { status: got.status }),
      ...(bytes === undefined && expectedBytes === undefined
        ? {}
        : { expectedBytes: bytes ?? expectedBytes ?? 0 }),
      ...(bytes === undefined || got.status !== 200 ? {} : { corrupt: !isPrefix(body, bodyOf(id, bytes)) }),
      receivedBytes: body.length,
      tookMs: performance.now() - started,
    }
    this.seen.push(seen)
    return seen
  }

  get failures(): readonly Observation[] {
    return this.seen.filter(({ error, status }) => error !== undefined || (status ?? 0) >= 500)
  }
}

function headOf({ headers }: Answer): { echoed?: string; from?: string } {
  const [echoed, from] = [headers['x-request-id'], headers['x-from']]
  return {
    ...(typeof echoed === 'string' ? { echoed } : {}),
    ...(typeof from === 'string' ? { from } : {}),
  }
}

function isPrefix(body: Buffer, whole: Buffer): boolean {
  return body.length <= whole.length && body.equals(whole.subarray(0, body.length))
}

/** The code of an error, however it is wrapped. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code
}
