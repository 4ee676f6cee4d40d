/**
 * The agent of the endpoint bench, in a process of its own: answers every blocking query about instances with as many as
 * it is told, and holds the next one. It prints its port; `{ size, generation }` over its channel makes the next answer.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Crowd {
  readonly size: number
  /** The first so many are of this generation: others than those of the last. */
  readonly changed: number
  readonly generation: number
}

const uneven = process.argv[2] === 'uneven'
let bytes: Buffer = bytesOf({ size: Number(process.argv[3]), changed: 0, generation: 0 })
let index = 1
const held = new Set<ServerResponse>()

/** All that Consul 1.8 says of an instance. */
function entry(n: number, { changed, generation }: Crowd): object {
  const number = n < changed ? n + generation * 100_000 : n
  const id = `orders-${number}`
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
  const check = {
    Node: `node-${n}`,
    Notes: '',
    Output: '',
    ServiceTags: [],
    Definition: {},
    CreateIndex: 10,
    ModifyIndex: 10,
  }
  return {
    Node: {
      ID: '54fcf2b6-f222-9c67-4bbb-755e9cb1d603',
      Node: `node-${n}`,
      Address: address,
      Datacenter: 'dc1',
      TaggedAddresses: { lan: address, wan: address },
      Meta: { 'consul-network-segment': '' },
      CreateIndex: 10,
      ModifyIndex: 12,
    },
    Service: {
      ID: id,
      Service: 'orders',
      Tags: ['primary'],
      Address: address,
      Meta: { protocol: 'http', version: '1.4.2', zone: `eu-${n % 3}` },
      Port: 8080,
      Weights: { Passing: uneven ? 1 + (n % 7) : 1, Warning: 1 },
      EnableTagOverride: false,
      Proxy: { MeshGateway: {}, Expose: {} },
      Connect: { Native: true },
      CreateIndex: 10,
      ModifyIndex: 10,
    },
    Checks: [
      {
        ...check,
        CheckID: 'serfHealth',
        Name: 'Serf Health Status',
        Status: 'passing',
        ServiceID: '',
        ServiceName: '',
      },
      {
        ...check,
        CheckID: `service:${id}`,
        Name: 'check',
        Status: 'passing',
        ServiceID: id,
        ServiceName: 'orders',
      },
    ],
  }
}

function bytesOf(crowd: Crowd): Buffer {
  return Buffer.from(JSON.stringify(Array.from({ length: crowd.size }, (_, n) => entry(n, crowd))))
}

function send(response: ServerResponse): void {
  held.delete(response)
  response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': index })
  response.end(bytes)
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://agent')
  if (!pathname.startsWith('/v1/health/')) response.end('{}')
  else if (Number(searchParams.get('index') ?? 0) < index) send(response)
  else held.add(response)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))

process.on('message', (crowd: Crowd) => {
  bytes = bytesOf(crowd)
  index += 1
  for (const response of [...held]) send(response)
})
process.on('disconnect', () => process.exit())
