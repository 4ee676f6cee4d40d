/** Who calls, as Consul names services. */
export interface Caller {
  readonly partition: string
  readonly namespace: string
  readonly service: string
}

export const DEFAULT = 'default'
export const ANY = '*'

/** Consul's `SpiffeIDService`: the partition is only said where it is not the default one. */
const SERVICE_ID = /^spiffe:\/\/[^/]+(?:\/ap\/([^/]+))?\/ns\/([^/]+)\/dc\/[^/]+\/svc\/([^/]+)$/

/**
 * Reads a SPIFFE ID that TLS has verified, trust domain included. The datacenter takes no part, as in Consul's own
 * rules for its proxies (agent/xds/rbac.go, makeSpiffePattern).
 *
 * @returns undefined for an ID of another shape: no rule can name its owner
 */
export function callerOf(id: string): Caller | undefined {
  const match = SERVICE_ID.exec(id)
  if (match === null) return undefined
  const [, partition = DEFAULT, namespace = '', service = ''] = match
  return { partition, namespace, service }
}
