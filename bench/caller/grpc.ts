import { connect } from 'node:http2'
import { tlsOptions } from '../certificates.ts'
import { bareOrders, get, meshOrders } from '../grpc-caller.ts'
import { ANSWER_BYTES, framed, ORDERS, REQUEST_BYTES } from '../grpc-service.ts'
import type { CallerSettings } from '../messages.ts'
import type { Caller, Done } from './drive.ts'

export function grpcCaller({ ports, certificates }: CallerSettings): Caller {
  const orders = bareOrders(ports[0] ?? 0, certificates)
  return { once: (_method, done) => get(orders, done) }
}

export async function grpcMeshCaller({ ports, certificates }: CallerSettings): Promise<Caller> {
  const orders = await meshOrders(ports[0] ?? 0, certificates)
  return { once: (_method, done) => get(orders, done) }
}

/** As a mesh client sends them, with the time the caller has and a trace. */
const HEADERS = {
  ':method': 'POST',
  ':path': ORDERS.Get.path,
  ':authority': 'orders.mesh',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'user-agent': 'bench',
  'grpc-timeout': '4995m',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
}
const REQUEST = framed(REQUEST_BYTES)

/** Calls over one connection of Node's HTTP/2 alone, for a server that is looked at. */
export function http2Caller({ ports, certificates }: CallerSettings): Caller {
  const session =
    certificates === undefined
      ? connect(`http://127.0.0.1:${ports[0]}`)
      : connect(`https://127.0.0.1:${ports[0]}`, {
          ...tlsOptions(certificates, 'bench'),
          ALPNProtocols: ['h2'],
        })
  session.on('error', () => {})
  return {
    once: (_method, done) => {
      const stream = session.request(HEADERS)
      let received = 0
      let status: unknown
      stream.on('error', done satisfies Done)
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status']
      })
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      stream.on('end', () => {
        const right = status === '0' && received === 5 + ANSWER_BYTES
        done(right ? undefined : new Error(`status ${status}, ${received} bytes`))
      })
      stream.end(REQUEST)
    },
  }
}
