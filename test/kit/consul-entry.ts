export interface EntryOptions {
  readonly id?: string
  readonly node?: string
  readonly nodeAddress?: string
  readonly address?: string
  readonly port?: unknown
  readonly native?: boolean
  readonly kind?: string
  readonly destination?: string
  readonly weights?: unknown
  readonly meta?: unknown
  readonly tags?: unknown
  /** Of its own check; that of the node passes. */
  readonly status?: string
  readonly index?: number
  readonly datacenter?: string
}

/** One entry of `/v1/health/service/:name`, with all that Consul 1.8 says of it. */
export function healthEntry(port: number, options: EntryOptions = {}): any {
  const { id = `orders-${port}`, node = 'n1', index = 10, datacenter = 'dc1', status = 'passing' } = options
  const check = {
    Node: node,
    Notes: '',
    Output: '',
    ServiceTags: [],
    Definition: {},
    CreateIndex: index,
    ModifyIndex: index,
  }
  return {
    Node: {
      ID: '54fcf2b6-f222-9c67-4bbb-755e9cb1d603',
      Node: node,
      Address: options.nodeAddress ?? '10.0.0.9',
      Datacenter: datacenter,
      TaggedAddresses: { lan: '10.0.0.9', wan: '10.0.0.9' },
      Meta: { 'consul-network-segment': '' },
      CreateIndex: 10,
      ModifyIndex: 12,
    },
    Service: {
      ...(options.kind === undefined ? {} : { Kind: options.kind }),
      ID: id,
      Service: 'orders',
      Tags: options.tags === undefined ? [] : options.tags,
      Address: options.address ?? '10.0.0.1',
      Meta: options.meta === undefined ? null : options.meta,
      Port: options.port ?? port,
      Weights: options.weights === undefined ? { Passing: 1, Warning: 1 } : options.weights,
      EnableTagOverride: false,
      Proxy: {
        ...(options.destination === undefined ? {} : { DestinationServiceName: options.destination }),
        MeshGateway: {},
        Expose: {},
      },
      Connect: options.native === false ? {} : { Native: true },
      CreateIndex: index,
      ModifyIndex: index,
    },
    Checks: [
      {
        ...check,
        CheckID: 'serfHealth',
        Name: 'Serf Health Status',
        Status: 'passing',
        ServiceID: '',
        ServiceName: '',
        Type: '',
      },
      {
        ...check,
        CheckID: `service:${id}`,
        Name: 'check',
        Status: status,
        ServiceID: id,
        ServiceName: 'orders',
        Type: 'ttl',
      },
    ],
  }
}
