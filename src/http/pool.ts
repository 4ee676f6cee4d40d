import { type buildConnector, type Dispatcher, Pool } from 'undici'
import type { Attempt } from '../core/attempt.ts'
import { TIMEOUT } from '../core/header-names.ts'
import type { Cancel, Observer } from '../core/hop.ts'
import { Bytes } from './bytes.ts'
import type { HttpCall } from './call.ts'
import type { Exchange } from './exchange.ts'
import { type FlatHeaders, mergeHeaders } from './headers.ts'
import type { Wiring } from './wiring.ts'

/** How much less time than we have we say the peer has, so that its answer can still arrive, in milliseconds. */
const DEADLINE_SAFETY_MS = 5
/** How much earlier than a peer announces it would we close an idle connection, in milliseconds. */
const KEEP_ALIVE_SAFETY_MS = 1000
/** One constant for all: undici opens a connection anew where the name differs from the request before. */
const NO_SERVER_NAME = 'none'

/** @param idleTimeoutMs how long a connection is kept that nobody uses */
export function openPool(origin: string, idleTimeoutMs: number, connect: buildConnector.connector): Pool {
  return new Pool(origin, {
    // One call per connection: a slow answer must not hold up another call, and a broken one must not doom it. The
    // number of connections is left to `limit`, which refuses with a reason where a pool would queue in silence.
    pipelining: 1,
    allowH2: false,
    connect,
    keepAliveTimeout: idleTimeoutMs,
    keepAliveMaxTimeout: idleTimeoutMs,
    keepAliveTimeoutThreshold: KEEP_ALIVE_SAFETY_MS,
    // The deadline governs to the head, the idle watch from there on.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

/** Sends one attempt over a pool. */
export function sendOver(pool: Pool, unit: Attempt<unknown>, observer: Observer, wiring: Wiring): Cancel {
  const attempt = unit as Attempt<Exchange>
  const call = attempt.call as HttpCall
  const { request, replay } = attempt.call.wire
  const cursor = replay?.open()
  const bytes = new Bytes(attempt, observer, cursor, wiring)
  pool.dispatch(
    {
      path: request.target,
      method: request.method,
      headers: headersOf(attempt, call),
      body: cursor ?? request.body,
      query: request.query,
      upgrade: request.upgrade,
      reset: request.reset,
      blocking: request.blocking,
      headersTimeout: request.headersTimeout,
      bodyTimeout: request.bodyTimeout,
      // Where it is missing, undici parses the host header for one with every request.
      servername: NO_SERVER_NAME,
    } as unknown as Dispatcher.DispatchOptions,
    bytes as unknown as Dispatcher.DispatchHandler,
  )
  return (reason) => bytes.cancel(reason)
}

/** The caller's headers with what the layers add and the time that is left. */
function headersOf(attempt: Attempt<Exchange>, call: HttpCall): FlatHeaders {
  const { flat, hasTimeout } = attempt.call.wire.request.headers
  if (call.covers === 'call' && call.deadline !== Number.POSITIVE_INFINITY) {
    const leftMs = Math.floor(call.deadline - attempt.startedMs) - DEADLINE_SAFETY_MS
    const left = String(Math.max(1, leftMs))
    // The usual call needs no merging: there is no name twice.
    if (attempt.hasOutbox === false && !hasTimeout) return [...flat, TIMEOUT, left]
    attempt.outbox.set(TIMEOUT, left)
  }
  return attempt.hasOutbox === false ? flat : mergeHeaders(flat, attempt.outbox)
}
