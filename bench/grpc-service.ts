/** The service of the gRPC benches. Messages are bytes as they are: what a codec costs is the same everywhere. */
import { makeGenericClientConstructor, type ServiceDefinition } from '@grpc/grpc-js'

const asItIs = (bytes: Buffer): Buffer => bytes
const method = (name: string, responseStream: boolean) => ({
  path: `/bench.v1.Orders/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
})

export const ORDERS = { Get: method('Get', false), List: method('List', true) } satisfies ServiceDefinition
export const OrdersClient = makeGenericClientConstructor(ORDERS, 'Orders')

export const REQUEST_BYTES = 64
export const ANSWER_BYTES = 1024
/** Answers of one `List`. */
export const STREAM_LENGTH = 1000

/** A message as it goes over the wire: not compressed, its length, its bytes. */
export function framed(bytes: number): Buffer {
  const message = Buffer.alloc(5 + bytes, 'x')
  message.writeUInt8(0, 0)
  message.writeUInt32BE(bytes, 1)
  return message
}
