import type { EndpointWire } from '../core/plane-wire.ts'
import type { Listener } from '../core/runtime.ts'
import type { Place } from './advertise.ts'
import type { CheckDocument } from './consul-check.ts'

/**
 * As `PUT /v1/agent/service/register` takes it.
 * https://developer.hashicorp.com/consul/api-docs/agent/service#register-service
 */
export interface ServiceDocument {
  readonly ID: string
  readonly Name: string
  /** Empty: that of the agent's node. */
  readonly Address: string
  readonly Port: number
  readonly Meta: Readonly<Record<string, string>>
  readonly Weights: { readonly Passing: number; readonly Warning: number }
  readonly EnableTagOverride: false
  readonly Connect?: { readonly Native: true }
  readonly Check: CheckDocument
}

export interface ServiceFacts {
  readonly id: string
  readonly service: string
  readonly place: Place
  readonly listener: Listener
  readonly meta: Pick<EndpointWire, 'version' | 'zone' | 'weight'>
  /** The version of this library. */
  readonly release?: string | undefined
  readonly check: CheckDocument
}

/**
 * One listener as an instance of its service. `Connect.Native` where it speaks mutual TLS, never elsewhere: callers that
 * want TLS find it by that flag alone. Consul's weights are whole numbers, and half while a check warns; the exact
 * weight stands in meta.
 */
export function serviceDocument(facts: ServiceFacts): ServiceDocument {
  const { id, service, place, listener, meta, release, check } = facts
  const { version, zone, weight = 1 } = meta
  const passing = Math.min(65_535, Math.max(1, Math.round(weight)))
  return {
    ID: id,
    Name: service,
    Address: place.address,
    Port: place.port,
    Meta: {
      protocol: listener.protocol,
      weight: String(weight),
      ...(version ? { version } : {}),
      ...(zone ? { zone } : {}),
      ...(release ? { tulle: release } : {}),
    },
    Weights: { Passing: passing, Warning: Math.max(1, Math.floor(passing / 2)) },
    EnableTagOverride: false,
    ...(listener.mtls === 'disable' ? {} : { Connect: { Native: true } }),
    Check: check,
  }
}
