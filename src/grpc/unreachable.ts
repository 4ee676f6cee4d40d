import type { EndpointState } from '../core/endpoint.ts'
import type { MeshError } from '../core/errors.ts'
import { transportError } from './fault.ts'

const WRAPPING =
  /^No connection established\. Last error: |\. Resolution note: .*$|\s*\(\d{4}-\d\d-\d\dT[\d:.]+Z\)|^Error: /g

/** Why no connection to an endpoint could be made, from what grpc-js tells; undefined: the time was up. */
export function unreachableReason(endpoint: EndpointState, reason: string | undefined): () => MeshError {
  const at = { phase: 'connect', service: endpoint.service.name, endpoint: endpoint.id } as const
  if (reason === undefined)
    return () => transportError('TULLE_CONNECT_TIMEOUT', `${endpoint.id} accepted no connection in time`, at)
  let text = reason
  for (let before = ''; before !== text; ) {
    before = text
    text = text.replace(WRAPPING, '')
  }
  return () => transportError('TULLE_CONNECT', `no connection to ${endpoint.id}: ${text}`, at)
}
