import type { Attempt } from '../core/attempt.ts'
import { type MeshError, stormError } from '../core/errors.ts'
import { type Hop, NOTHING_TO_CANCEL } from '../core/hop.ts'
import { refusal } from '../core/outcome.ts'
import type { ServiceState } from '../core/service.ts'

/**
 * The waist: what comes down from a route goes on through the layers of the endpoint that is picked. Never waits.
 * Ends with TULLE_NO_ENDPOINT where there is nothing to pick.
 */
export function pick<W>(service: ServiceState): Hop<Attempt<W>> {
  return (attempt, observer) => {
    const endpoint = service.pick(attempt)
    if (endpoint === undefined) {
      observer.end(refusal(nothingToPick(service, attempt.call.protocol)))
      return NOTHING_TO_CANCEL
    }
    attempt.endpoint = endpoint
    return endpoint.hop(attempt.call.protocol)(attempt, observer)
  }
}

function nothingToPick(service: ServiceState, protocol: 'http' | 'grpc'): MeshError {
  const { name } = service
  const message = `${name}: ${whyNone(service, protocol)}`
  return stormError('TULLE_NO_ENDPOINT', message, { layer: 'pick', service: name })
}

const NAMES = { http: 'HTTP', grpc: 'gRPC' } as const

function whyNone(service: ServiceState, protocol: 'http' | 'grpc'): string {
  const { endpoints, ready } = service
  const known = service.speaking?.(protocol).length ?? endpoints.length
  if (known > 0) return `all ${known} endpoints are ejected, and outlier.panicThreshold keeps calls from them`
  if (endpoints.length > 0) {
    const other = NAMES[protocol === 'http' ? 'grpc' : 'http']
    const those = endpoints.length === 1 ? 'its one endpoint is' : `its ${endpoints.length} endpoints are`
    return `no endpoint speaks ${NAMES[protocol]}; ${those} registered for ${other}`
  }
  return ready ? 'no endpoint is known' : 'no endpoint set has arrived yet'
}
