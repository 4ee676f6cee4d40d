import { ServiceBroker } from 'moleculer'

export const NODE = 'orders-1'

/** With everything switched on that it has for calls to others; no gossip over UDP, the one address is written down. */
export function brokerOf(
  nodeID: string,
  tcp: { readonly urls?: string[]; readonly port?: number },
): ServiceBroker {
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: { type: 'TCP', options: { udpDiscovery: false, ...tcp } },
    requestTimeout: 30_000,
    retryPolicy: { enabled: true, retries: 2 },
    circuitBreaker: { enabled: true },
  })
}
