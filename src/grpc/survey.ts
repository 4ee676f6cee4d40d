import type { EndpointState } from '../core/endpoint.ts'
import type { Random } from '../core/ports.ts'
import type { ServiceState } from '../core/service.ts'
import { reachOf, type Standing } from './reach.ts'

/** How a service can be reached now, over lanes of one name. */
export interface Survey {
  /** There is a connection to an endpoint that calls may go to. */
  readonly ready: boolean
  readonly connecting: boolean
  /** To some endpoint the last connection could not be made. */
  readonly failed: boolean
  /** To every one: or there is none. */
  readonly hopeless: boolean
}

/** Calls go round endpoints that are ejected (gRFC A50), save in panic: a connection to them is of no use. */
const isOut = (service: ServiceState, endpoint: EndpointState): boolean =>
  endpoint.ejected && service.panic !== true

const membersOf = (service: ServiceState): readonly EndpointState[] =>
  service.speaking?.('grpc') ?? service.endpoints

/** @param barred endpoints that cannot be connected to at all just now */
export function survey(service: ServiceState, lane: string, barred: ReadonlySet<EndpointState>): Survey {
  const standings = service.slot(reachOf).of(lane)
  let ready = false
  let connecting = false
  let failed = barred.size > 0
  for (const [endpoint, standing] of standings) {
    failed ||= standing.failed
    if (isOut(service, endpoint)) continue
    ready ||= standing.stage === 'ready'
    connecting ||= standing.stage === 'connecting'
  }
  const hopeless = membersOf(service).every(
    (endpoint) =>
      isOut(service, endpoint) || barred.has(endpoint) || standings.get(endpoint)?.failed === true,
  )
  return { ready, connecting, failed, hopeless }
}

/**
 * Which endpoint to connect to next: any that has not failed; where all have, any whose back-off is over. By chance, so
 * that many processes do not begin with the same one.
 */
export function nextToTry(
  service: ServiceState,
  lane: string,
  barred: ReadonlySet<EndpointState>,
  random: Random,
): EndpointState | undefined {
  const members = membersOf(service)
  const standings = service.slot(reachOf).of(lane)
  const from = Math.floor(random() * members.length)
  let rested: EndpointState | undefined
  for (let n = 0; n < members.length; n++) {
    const endpoint = members[(from + n) % members.length] as EndpointState
    if (isOut(service, endpoint) || barred.has(endpoint)) continue
    const standing: Standing | undefined = standings.get(endpoint)
    if (standing === undefined) return endpoint
    if (standing.stage !== 'idle') continue
    if (!standing.failed) return endpoint
    rested ??= endpoint
  }
  return rested
}
