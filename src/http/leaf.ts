import { type Dispatcher, Pool } from 'undici'
import type { Attempt } from '../core/attempt.ts'
import type { EndpointState } from '../core/endpoint.ts'
import { TIMEOUT } from '../core/header-names.ts'
import type { Cancel, Observer } from '../core/hop.ts'
import type { Leaf, LeafFactory } from '../core/leaf.ts'
import type { Clock } from '../core/ports.ts'
import { connectPiece } from '../policy/connect.ts'
import { Bytes, type Wiring } from './bytes.ts'
import type { HttpCall } from './call.ts'
import { createConnector } from './connector.ts'
import type { Exchange } from './exchange.ts'
import { type FlatHeaders, mergeHeaders } from './headers.ts'
import { IdleWatch } from './idle.ts'

/** How much less time than we have we say the peer has, so that its answer can still arrive, in milliseconds. */
const DEADLINE_SAFETY_MS = 5
/** How much earlier than a peer announces it would we close an idle connection, in milliseconds. */
const KEEP_ALIVE_SAFETY_MS = 1000
const NO_TLS = 'none'

export interface HttpLeafDeps {
  readonly clock: Clock
  wall(): number
}

/** The HTTP/1.1 transport: one undici Pool per endpoint. */
export function createHttpLeafFactory(deps: HttpLeafDeps): LeafFactory {
  const shared = {
    clock: deps.clock,
    wall: () => deps.wall(),
    idle: new IdleWatch(deps.clock),
    breaking: { error: undefined },
  }
  return { protocol: 'http', open: (endpoint) => new HttpLeaf(endpoint, { ...shared, running: 0 }) }
}

class HttpLeaf implements Leaf {
  readonly #pool: Pool
  readonly #origin: string
  readonly #wiring: Wiring

  constructor(endpoint: EndpointState, wiring: Wiring) {
    const { timeout, idleTimeout } = endpoint.params(connectPiece)
    this.#origin = `http://${endpoint.id}`
    this.#wiring = wiring
    this.#pool = new Pool(this.#origin, {
      // One call per connection: a slow answer must not hold up another call, and a broken one must not doom it. The
      // number of connections is left to `limit`, which refuses with a reason where a pool would queue in silence.
      pipelining: 1,
      allowH2: false,
      connect: createConnector(timeout, wiring.breaking, wiring.clock),
      keepAliveTimeout: idleTimeout,
      keepAliveMaxTimeout: idleTimeout,
      keepAliveTimeoutThreshold: KEEP_ALIVE_SAFETY_MS,
      // The deadline governs to the head, the idle watch from there on.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  readonly hop = (unit: Attempt<unknown>, observer: Observer): Cancel => {
    const attempt = unit as Attempt<Exchange>
    const call = attempt.call as HttpCall
    const { request, replay } = attempt.call.wire
    const cursor = replay?.open()
    const bytes = new Bytes(attempt, observer, cursor, this.#wiring)
    this.#pool.dispatch(
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
        // Read for TLS alone; where it is missing, undici parses the host header for one with every request.
        servername: NO_TLS,
      } as unknown as Dispatcher.DispatchOptions,
      bytes as unknown as Dispatcher.DispatchHandler,
    )
    return (reason) => bytes.cancel(reason)
  }

  /**
   * Waits for running attempts, and where there is none for nothing: a pool alone would wait for a connection that is
   * being made for a call long given up. Connections that 101 or CONNECT handed to a caller are no longer the pool's.
   */
  async close(): Promise<void> {
    if (this.#wiring.running === 0) await this.#pool.destroy()
    else if (!this.#pool.closed) await this.#pool.close()
  }

  destroy(): void {
    if (!this.#pool.destroyed) void this.#pool.destroy()
  }
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
