import type { Call } from '../../src/core/call.ts'
import { MeshError } from '../../src/core/errors.ts'
import type { EventMap, EventName, Events } from '../../src/core/events.ts'
import { type CallLayer, type Hop, NOTHING_TO_CANCEL, type Observer } from '../../src/core/hop.ts'
import { type Outcome, refusal } from '../../src/core/outcome.ts'
import type { Clock } from '../../src/core/ports.ts'
import {
  type DrainingServer,
  type HasRuntime,
  type PathMode,
  RUNTIME,
  type Runtime,
} from '../../src/core/runtime.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createGate, type Gate } from '../../src/resilience/gate.ts'
import { makeRoute } from './builders.ts'

/** One call as the layer at the top of the inbound stack saw it. */
export interface Seen {
  readonly call: Call<unknown>
  readonly heads: Outcome[]
  readonly ends: Outcome[]
}

export interface InboundHarness {
  readonly runtime: Runtime
  /** What optional entry points are given. */
  readonly mesh: HasRuntime
  readonly seen: Seen[]
  readonly servers: Set<DrainingServer>
  readonly requests: EventMap['request'][]
  readonly errors: object[]
  /** Calls of `shutdown`, with what they were given. */
  readonly shutdowns: unknown[]
  readonly gate: Gate
  /** Calls that have not ended. */
  readonly inFlight: () => number
}

export interface HarnessOptions {
  readonly clock?: Clock
  readonly paths?: PathMode
  /** Between the recorder and the leaf. */
  readonly layer?: CallLayer
}

/** A runtime whose inbound stack is a recorder, the real gate and, below them, whatever layer the test brings. */
export function inboundHarness(options: HarnessOptions = {}): InboundHarness {
  const gate = createGate()
  const seen: Seen[] = []
  const servers = new Set<DrainingServer>()
  const requests: EventMap['request'][] = []
  const errors: object[] = []
  const shutdowns: unknown[] = []
  const events: Events = {
    wants: (name) => name === 'request',
    emit<N extends EventName>(name: N, payload: EventMap[N]) {
      if (name === 'request') requests.push(payload as EventMap['request'])
    },
    on: () => () => {},
  }
  const quiet = (): void => {}
  const runtime: Runtime = {
    service: 'web',
    snapshot: { version: '1', services: new Map(), hosts: new Map() },
    state: 'ready',
    clock: options.clock ?? systemClock,
    wall: () => 0,
    random: () => 0.5,
    events,
    log: { debug: quiet, info: quiet, warn: quiet, error: (_message, fields) => errors.push(fields ?? {}) },
    ambient: ambientStore,
    suffixes: ['mesh'],
    stackFor: () => {
      throw new Error('nothing goes out of this harness')
    },
    inbound: <W>(leaf: Hop<Call<W>>): Hop<Call<W>> => {
      const inner = gate.layer(options.layer === undefined ? leaf : options.layer(leaf))
      return (call, observer) => {
        const record: Seen = { call, heads: [], ends: [] }
        seen.push(record)
        return inner(call, recording(record, observer))
      }
    },
    inboundRoute: makeRoute({ service: 'web' }),
    inboundPaths: options.paths,
    plan: () => undefined,
    endpoints: () => undefined,
    whenReady: () => Promise.resolve(),
    tracing: { capture: () => undefined, with: (_context, fn) => fn() },
    servers: { add: (server) => servers.add(server), remove: (server) => servers.delete(server) },
    shutdown: (given) => {
      shutdowns.push(given)
      return Promise.resolve()
    },
  }
  const inFlight = (): number => seen.filter(({ ends }) => ends.length === 0).length
  return { runtime, mesh: { [RUNTIME]: runtime }, seen, servers, requests, errors, shutdowns, gate, inFlight }
}

function recording(record: Seen, observer: Observer): Observer {
  return {
    head(outcome) {
      record.heads.push(outcome)
      return observer.head(outcome)
    },
    end(outcome) {
      record.ends.push(outcome)
      observer.end(outcome)
    },
  }
}

/** Refuses every call whose path it is told to: a stand-in for authorization. */
export function denying(denied: (path: string) => boolean): CallLayer {
  return (next) => (call, observer) => {
    if (!denied(call.path)) return next(call, observer)
    observer.end(refusal(new MeshError('TULLE_DRAINING', 'denied', { layer: 'denying' })))
    return NOTHING_TO_CANCEL
  }
}
