/** What the runner asks of its processes, one question at a time. */
import type { Method } from './arms/arm.ts'

export interface Closed {
  readonly ask: 'closed'
  readonly method: Method
  readonly ms: number
  readonly concurrency: number
  /** Do not sleep while waiting: the other side is looked at. */
  readonly awake?: boolean
}
export interface Open {
  readonly ask: 'open'
  readonly method: Method
  /** When each call is due, in milliseconds from the start. */
  readonly due: readonly number[]
}
export interface Heap {
  readonly ask: 'heap'
  readonly method: Method
  readonly calls: number
  readonly concurrency: number
}
export type CallerQuestion = Closed | Open | Heap

export interface ClosedAnswer {
  readonly calls: number
}
export interface OpenAnswer {
  readonly latenciesMs: readonly number[]
}
export interface HeapAnswer {
  readonly calls: number
  readonly bytes: number
}

export interface State {
  readonly ask: 'state'
}
/** Do not sleep between requests, or do again: a caller that is looked at should not pay for waking its upstream. */
export interface Awake {
  readonly ask: 'awake'
  readonly on: boolean
}
export type UpstreamQuestion = State | Awake

export interface StateAnswer {
  /** Accepted since the start. */
  readonly connections: number
  readonly requests: number
  /** Those with a `traceparent`. */
  readonly traced: number
}

/** What a caller is started with, as JSON in its one argument. */
export interface CallerSettings {
  readonly kind: string
  readonly ports: readonly number[]
  readonly certificates?: string | undefined
  readonly armament?: string | undefined
}

/** What an upstream is started with. */
export interface UpstreamSettings {
  readonly kind: string
  readonly certificates?: string | undefined
}

/** The work: what is asked, and what must come back. */
export const PATH = '/v1/items?page=2'
export const ANSWER_BYTES = 1024
export const POST_BODY = JSON.stringify({ note: 'x'.repeat(501) })
