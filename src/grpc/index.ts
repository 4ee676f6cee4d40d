/** gRPC over the mesh: `tulle/grpc`. */

export { channel } from './channel.ts'
export { type ClientClass, client } from './client.ts'
export { meshOf } from './mesh-of.ts'
export { type ServeOptions, serve } from './server.ts'
export { httpStatusOf, statusOf } from './status.ts'
