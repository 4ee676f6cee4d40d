import {
  type CallOptions,
  type Client,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import type { Answer, Ask, PricingClient } from './pricing.ts'
import type { PricingMethod } from './pricing-service.ts'

/** All that an application sees of one call. */
export interface Seen {
  readonly answers: Answer[]
  /** Initial metadata; undefined where none came. */
  readonly metadata?: Record<string, unknown>
  readonly status?: { code: number; details: string; metadata: Record<string, unknown> }
  readonly error?: { code: number; details: string; message: string; metadata: Record<string, unknown> }
  readonly peer: string
  /** `metadata`, `data`, `end`, `error`, `status`, in the order they came; `data` once for a run of it. */
  readonly events: readonly string[]
}

type Mutable<T> = { -readonly [K in keyof T]: NonNullable<T[K]> }

export interface ObserveOptions {
  readonly metadata?: Metadata
  readonly options?: CallOptions
  /** What is sent: one for quote and watch, any number for the others. */
  readonly asks?: readonly Ask[]
  /** Told the call before anything comes back: to cancel it, say. */
  readonly onCall?: (call: { cancel(): void; getPeer(): string }) => void
}

/** Makes a call of any kind and resolves, when it is over, with all that was seen of it. It never rejects. */
export function observe(
  client: PricingClient,
  method: PricingMethod,
  how: ObserveOptions = {},
): Promise<Seen> {
  const { metadata = new Metadata(), options = {}, asks = [{}] } = how
  return new Promise((resolve) => {
    const answers: Answer[] = []
    const events: string[] = []
    const seen: Partial<Pick<Mutable<Seen>, 'metadata' | 'status' | 'error'>> = {}
    const note = (event: string): void => {
      if (events.at(-1) !== event) events.push(event)
    }
    const failed = (error: ServiceError): void => {
      note('error')
      seen.error = {
        code: error.code,
        details: error.details,
        message: error.message,
        metadata: plain(error.metadata),
      }
    }
    const done = (error: ServiceError | null, answer?: Answer): void => {
      if (error !== null) {
        failed(error)
        return
      }
      note('data')
      answers.push(answer as Answer)
    }
    const call = begin(client, method, asks, metadata, options, done)
    how.onCall?.(call)
    if (method === 'watch' || method === 'chat') {
      call.on('data', (answer: Answer) => {
        note('data')
        answers.push(answer)
      })
      call.on('end', () => note('end'))
      call.on('error', failed)
    }
    call.on('metadata', (initial: Metadata) => {
      note('metadata')
      seen.metadata = plain(initial)
    })
    call.on('status', (status: { code: number; details: string; metadata: Metadata }) => {
      note('status')
      seen.status = { code: status.code, details: status.details, metadata: plain(status.metadata) }
      // What a stream still has to say comes in the same turn.
      setImmediate(() => resolve({ ...seen, answers, events, peer: call.getPeer() }))
    })
  })
}

function begin(
  client: PricingClient,
  method: PricingMethod,
  asks: readonly Ask[],
  metadata: Metadata,
  options: CallOptions,
  done: (error: ServiceError | null, answer?: Answer) => void,
): ClientUnaryCall {
  if (method === 'quote') return client.quote(asks[0] ?? {}, metadata, options, done)
  if (method === 'watch') return client.watch(asks[0] ?? {}, metadata, options) as never
  const call = method === 'upload' ? client.upload(metadata, options, done) : client.chat(metadata, options)
  for (const ask of asks) call.write(ask)
  call.end()
  return call as never
}

/** Metadata as a value to compare: every list of values, binary ones as Buffers; `date` left out. */
export function plain(metadata: Metadata | undefined): Record<string, unknown> {
  const entries: Record<string, unknown> = {}
  for (const name of Object.keys(metadata?.getMap() ?? {}).sort())
    if (name !== 'date') entries[name] = metadata?.get(name)
  return entries
}

/** Unary, as a promise: the answer, or the `ServiceError`. */
export function quote(
  client: PricingClient,
  ask: Ask = {},
  metadata = new Metadata(),
  options: CallOptions = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client.quote(ask, metadata, options, (error, answer) =>
      error === null ? resolve(answer as Answer) : reject(error),
    )
  })
}

/** Closes a client at the end of the test. */
export function closing<C extends Client>(t: { after(fn: () => unknown): void }, client: C): C {
  t.after(() => client.close())
  return client
}
