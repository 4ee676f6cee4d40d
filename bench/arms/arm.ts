import type { CallGroup } from '../groups.ts'

/** What sends; `bench/caller/` has one file for each family. */
export type CallerKind =
  | 'socket'
  | 'dispatch'
  | 'undici-request'
  | 'fetch'
  | 'http-request'
  | 'assembled'
  | 'moleculer'
  | 'mesh-dispatcher'
  | 'mesh-request'
  | 'mesh-fetch'
  | 'grpc-js'
  | 'grpc-mesh'
  | 'http2'

/** What answers; `bench/upstream/` has one file for each family. */
export type UpstreamKind =
  | 'socket'
  | 'http'
  | 'mesh'
  | 'express'
  | 'express-mesh'
  | 'fastify'
  | 'fastify-mesh'
  | 'moleculer'
  | 'http2'
  | 'grpc-js'
  | 'grpc-mesh'

/**
 * How much of the mesh is at work. `bare`: picks an endpoint and nothing else. `armed`: retry and budget, breaker,
 * deadline, outliers, and metrics read by an SDK. `propagation`: that, with a tracing SDK that samples nothing.
 * `sampled`: that, with every span recorded and exported in batches.
 */
export type Armament = 'bare' | 'armed' | 'armed-sdk' | 'propagation' | 'sampled'
export const METHODS = ['GET', 'POST'] as const
export type Method = (typeof METHODS)[number]
export type ProxyPair = 'haproxy' | 'nginx' | 'connect'

/** One way to do the work of its group. */
export interface Arm {
  /** Unique within its group. */
  readonly name: string
  readonly group: CallGroup
  readonly label: string
  readonly caller: CallerKind
  readonly upstream: UpstreamKind
  /** Between the two, both on the machine. */
  readonly proxies?: ProxyPair
  readonly mtls?: boolean
  readonly armament?: Armament
  /** Which side is the application that pays: its main thread is looked at. Default the caller. */
  readonly payer?: 'caller' | 'upstream'
  /** Default GET. */
  readonly methods?: readonly Method[]
  /** The arm its cost is compared with. */
  readonly against?: string
  /** The same as this other one: their difference is noise. */
  readonly again?: string
  /** Whether it is part of a quick look. */
  readonly quick?: boolean
}

/** Whether the requests of an arm carry a `traceparent`; the upstream counts them. */
export const traced = ({ armament }: Arm): boolean => armament === 'propagation' || armament === 'sampled'
