import type { EndpointState } from '../core/endpoint.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import type { LocalMode } from '../core/identity.ts'
import { mtlsMode, mtlsPiece } from './mtls.ts'

/** How calls to an endpoint travel, or why none does: the error is made anew for each call. */
export type Protection = 'plaintext' | 'tls' | { refuse(): MeshError }

/**
 * Only local configuration and policy decide whether plaintext is possible; what a registry says of an endpoint can
 * make a call fail, never make it go out unprotected. A failed handshake is no reason either.
 *
 * @param identified whether this process has an identity, with or without a certificate at the moment
 * @param protocol named in errors as the layer; default `http`
 */
export function protectionOf(
  endpoint: EndpointState,
  local: LocalMode,
  identified: boolean,
  protocol: 'http' | 'grpc' = 'http',
): Protection {
  const mode = mtlsMode(endpoint.params(mtlsPiece), local.mode, local.written)
  if (mode === 'disable') return 'plaintext'
  const offersNone = endpoint.mtls === 'disable'
  if (mode === 'permissive') return identified && !offersNone ? 'tls' : 'plaintext'
  if (!identified) return { refuse: () => nobody(endpoint, protocol) }
  return offersNone ? { refuse: () => plaintextRefused(endpoint, protocol) } : 'tls'
}

function nobody({ id, service }: EndpointState, layer: string): MeshError {
  return stormError(
    'TULLE_IDENTITY',
    `${service.name}: calls need mutual TLS (mode strict), and this process has no identity`,
    {
      layer,
      service: service.name,
      endpoint: id,
      hint: 'Give it a plane and a join token, or certificate files; or say `mtls: disable` for the service where plaintext is meant.',
    },
  )
}

function plaintextRefused({ id, service }: EndpointState, layer: string): MeshError {
  return stormError(
    'TULLE_PLAINTEXT_REFUSED',
    `${service.name}: ${id} speaks plaintext only (it is registered with mtls: disable), and calls to ${service.name} need mutual TLS`,
    {
      layer,
      service: service.name,
      endpoint: id,
      hint: `Serve ${id} with mutual TLS; or, while you migrate, write \`mtls: permissive\` under services.${service.name} of the policy (a local TULLE_MTLS=strict is stronger than it).`,
    },
  )
}
