import { endpointId } from '../core/endpoint.ts'
import { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'

/**
 * `ttl`: this process tells the agent how it is; `http`: the agent asks `/readyz` on the health port; `grpc`: it asks
 * `grpc.health.v1` of the listener itself.
 */
export type CheckKind = 'ttl' | 'http' | 'grpc'

/** A process that stalls or is killed turns critical after so long, in milliseconds. */
export const TTL_MS = 10_000
/** How often the agent asks, and how long it waits for the answer, in milliseconds. */
const ASKED_MS = { every: 5000, timeout: 2000 }
/** Consul takes nothing shorter, in milliseconds. */
const LEAST_DEREGISTER_MS = 60_000

/**
 * As `/v1/agent/service/register` takes it.
 * https://developer.hashicorp.com/consul/api-docs/agent/check#register-check
 */
export interface CheckDocument {
  readonly CheckID: string
  readonly Name: string
  readonly Status: 'passing' | 'warning' | 'critical'
  readonly TTL?: string
  readonly HTTP?: string
  readonly GRPC?: string
  readonly Interval?: string
  readonly Timeout?: string
  readonly DeregisterCriticalServiceAfter?: string
}

export interface CheckFacts {
  readonly id: string
  readonly kind: CheckKind
  /** What holds until the first word, or the first question: who registers does listen. */
  readonly status: CheckDocument['Status']
  readonly ttlMs: number
  /** 0: never. */
  readonly deregisterAfterMs: number
  /** Where the agent reaches what it asks; `ttl` has none. */
  readonly place?: { readonly address: string; readonly port: number } | undefined
}

/** The one check of an instance. A removal that is asked for sooner than Consul does it comes after a minute. */
export function checkDocument(facts: CheckFacts): CheckDocument {
  const { id, kind, status, ttlMs, deregisterAfterMs, place } = facts
  const at = place === undefined ? '' : endpointId(place.address, place.port)
  const asked = { Interval: `${ASKED_MS.every}ms`, Timeout: `${ASKED_MS.timeout}ms` }
  return {
    CheckID: id,
    Name: NAMES[kind],
    Status: status,
    ...(kind === 'ttl' ? { TTL: `${ttlMs}ms` } : {}),
    ...(kind === 'http' ? { HTTP: `http://${at}/readyz`, ...asked } : {}),
    ...(kind === 'grpc' ? { GRPC: at, ...asked } : {}),
    ...(deregisterAfterMs > 0
      ? { DeregisterCriticalServiceAfter: `${Math.max(LEAST_DEREGISTER_MS, deregisterAfterMs)}ms` }
      : {}),
  }
}

const NAMES: Readonly<Record<CheckKind, string>> = {
  ttl: 'tulle: the process says so itself',
  http: 'tulle: /readyz on the health port',
  grpc: 'tulle: grpc.health.v1',
}

/**
 * Why a kind of check cannot be had; undefined: it can. An agent has no certificate of the mesh, so a strict listener
 * lets none of its questions in, whatever `GRPCUseTLS` and `TLSSkipVerify` say.
 */
export function objectionToCheck(
  kind: CheckKind,
  { mtls, hasHealthPort }: { readonly mtls: MtlsMode | undefined; readonly hasHealthPort: boolean },
): MeshError | undefined {
  if (kind === 'http' && !hasHealthPort)
    return mistake(
      'a Consul check of the kind http asks the health port, and there is none: set TULLE_HEALTH_PORT, or take the kind ttl',
    )
  if (kind === 'grpc' && mtls === 'strict')
    return mistake(
      'a Consul check of the kind grpc cannot enter a listener with strict mutual TLS, because the agent has no certificate of the mesh: take the kind ttl, or http with TULLE_HEALTH_PORT',
    )
  return undefined
}

function mistake(message: string): MeshError {
  return new MeshError('TULLE_CONFIG', message, { layer: 'discovery' })
}
