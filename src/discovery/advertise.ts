import { parseAddress } from '../core/address.ts'
import { endpointId } from '../core/endpoint.ts'
import { MeshError } from '../core/errors.ts'
import type { Listener } from '../core/runtime.ts'

/** What `TULLE_ADVERTISE` says; what it leaves open comes from the listener. */
export interface Advertised {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

export interface Place {
  readonly address: string
  readonly port: number
}

const ANY = new Set(['', '0.0.0.0', '::', '::ffff:0.0.0.0'])

/** `host`, `host:port` or `:port`; throws TULLE_CONFIG for anything else. */
export function readAdvertise(text: string | undefined): Advertised {
  if (text === undefined) return {}
  // A port of any number shows whether the rest is an address; bare IPv6 goes without brackets.
  const bare = parseAddress(endpointId(text, 1)) ?? parseAddress(`${text}:1`)
  if (bare !== undefined) return { host: bare.address }
  const whole = parseAddress(text.startsWith(':') ? `any${text}` : text)
  if (whole !== undefined)
    return text.startsWith(':') ? { port: whole.port } : { host: whole.address, port: whole.port }
  throw new MeshError(
    'TULLE_CONFIG',
    `advertise is ${JSON.stringify(text)}: expected host, host:port or :port, such as orders.internal:4001`,
    { layer: 'discovery' },
  )
}

/**
 * Where others reach a listener: as advertised, else as bound, else, where it is bound to any address, by the local
 * address that is used towards the plane. Undefined: that one is not known.
 */
export function addressOf(
  listener: Listener,
  advertised: Advertised,
  localAddress: string | undefined,
): Place | undefined {
  const bound = ANY.has(listener.host) ? localAddress : listener.host
  const address = advertised.host ?? bound
  return address === undefined ? undefined : { address, port: advertised.port ?? listener.port }
}

/** The same; throws where it is not known. */
export function placeOf(listener: Listener, advertised: Advertised, localAddress: string | undefined): Place {
  const place = addressOf(listener, advertised, localAddress)
  if (place !== undefined) return place
  throw new Error(
    `no address of this machine is known that others could reach port ${listener.port} at: set TULLE_ADVERTISE`,
  )
}

/** An advertised port is that of one listener; the last one describes it, and nobody is sent to the others. */
export function onlyOneOf(ports: ReadonlySet<number>, endpoints: readonly string[]): string {
  return `the listeners on ports ${[...ports].join(', ')} are registered as one endpoint, ${endpoints.join(', ')}, because a port is advertised; advertise the host alone, or serve all but one with mtls: 'disable'`
}
