/** gRPC over the mesh: `tulle/grpc`. */

export { channel } from './channel.ts'
export { type ClientClass, client } from './client.ts'
export { httpStatusOf, statusOf } from './status.ts'
