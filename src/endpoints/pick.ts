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
      observer.end(refusal(nothingToPick(service)))
      return NOTHING_TO_CANCEL
    }
    attempt.endpoint = endpoint
    return endpoint.hop(attempt.call.protocol)(attempt, observer)
  }
}

function nothingToPick({ name, endpoints, ready }: ServiceState): MeshError {
  const known = endpoints.length
  const why =
    known > 0
      ? `all ${known} endpoints are ejected, and outlier.panicThreshold keeps calls from them`
      : ready
        ? 'no endpoint is known'
        : 'no endpoint set has arrived yet'
  return stormError('TULLE_NO_ENDPOINT', `${name}: ${why}`, { layer: 'pick', service: name })
}
