import type { EndpointSpec } from './endpoint.ts'

const ADDRESS =
  /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?)):(\d{1,5})$/

export const ADDRESS_ACCEPTS =
  'an address with a port, such as 127.0.0.1:4001, [::1]:4001 or orders.internal:4001'

/** `host:port` → an endpoint; undefined: it is none. */
export function parseAddress(text: string): EndpointSpec | undefined {
  const match = ADDRESS.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  const address = match[1] ?? match[2]
  return address === undefined || port < 1 || port > 65535 ? undefined : { address, port }
}
