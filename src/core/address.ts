import { type EndpointSpec, endpointId } from './endpoint.ts'

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?)):(\d{1,5})$/

export const ADDRESS_ACCEPTS =
  'an address with a port, such as 127.0.0.1:4001, [::1]:4001 or orders.internal:4001'

/** `host:port` → an endpoint; undefined: it is none, or none that a connection could be made to. */
export function parseAddress(text: string): EndpointSpec | undefined {
  const match = ADDRESS.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  const address = match[1] ?? match[2]
  if (address === undefined || port < 1 || port > 65535) return undefined
  // Transports are opened by URL, where `256.0.0.1` is no host and an IPv6 zone has no place.
  return URL.canParse(`http://${text}`) ? { address, port } : undefined
}

/** Whether the two, given apart, are an address as `parseAddress` reads one. */
export function isAddress(address: string, port: number): boolean {
  return parseAddress(endpointId(address, port)) !== undefined
}
