/** The clients of the gRPC benches: over a bare channel of grpc-js, or through a mesh with everything armed. */
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { client } from '../src/grpc/index.ts'
import { createMesh } from '../src/index.ts'
import { meshEnvironment, tlsOptions } from './certificates.ts'
import { ANSWER_BYTES, OrdersClient, REQUEST_BYTES } from './grpc-service.ts'

const POLICY = {
  version: 1 as const,
  services: { orders: { timeout: '30s', breaker: {}, retry: { limit: 2 } } },
}
const REQUEST = Buffer.alloc(REQUEST_BYTES, 'x')

export type Orders = InstanceType<typeof OrdersClient>
export type Done = (error: Error | undefined) => void

/** One unary call; its answer is held against what it must be. */
export function get(orders: Orders, done: Done): void {
  orders.Get!(REQUEST, (error: Error | null, answer?: Buffer) => {
    if (error !== null) done(error)
    else done(answer?.length === ANSWER_BYTES ? undefined : new Error(`${answer?.length} bytes`))
  })
}

/** One call with many answers; `onAnswer` hears each. */
export function list(orders: Orders, onAnswer: () => void, done: Done): void {
  const call = orders.List!(REQUEST)
  let wrong: Error | undefined
  call.on('data', (answer: Buffer) => {
    if (answer.length !== ANSWER_BYTES) wrong = new Error(`${answer.length} bytes`)
    onAnswer()
  })
  call.on('error', done)
  call.on('end', () => done(wrong))
}

/** With grpc-js's own defaults; the chain of the peer is verified and its name is not. */
export function bareOrders(port: string | number, certificates: string | undefined): Orders {
  // A name, since TLS does not announce addresses.
  const options = { 'grpc.ssl_target_name_override': 'orders' }
  return new OrdersClient(`127.0.0.1:${port}`, bareCredentials(certificates), options)
}

function bareCredentials(certificates: string | undefined): ChannelCredentials {
  if (certificates === undefined) return credentials.createInsecure()
  const { ca, key, cert, checkServerIdentity } = tlsOptions(certificates, 'bench')
  return credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert), { checkServerIdentity })
}

export async function benchMesh(port: string | number, certificates: string | undefined) {
  const mesh = createMesh({
    service: 'bench',
    endpoints: { orders: `127.0.0.1:${port}` },
    policy: POLICY,
    env: certificates === undefined ? {} : meshEnvironment(certificates, 'bench'),
  })
  await mesh.start()
  return mesh
}

export async function meshOrders(port: string | number, certificates: string | undefined): Promise<Orders> {
  return client(await benchMesh(port, certificates), OrdersClient, 'orders')
}
