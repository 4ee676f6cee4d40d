/** gRPC over the mesh: `tulle/grpc`. */

export type { MeshRequest } from '../core/mesh-request.ts'
export type { ConnectionLimits, Listening } from '../core/runtime.ts'
export { channel } from './channel.ts'
export { type ClientClass, client } from './client.ts'
export { meshOf } from './mesh-of.ts'
export { type Serve, type ServeOptions, serve } from './server.ts'
export { httpStatusOf, statusOf } from './status.ts'
