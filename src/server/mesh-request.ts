import type { MeshRequest } from '../core/mesh-request.ts'

export type { MeshRequest } from '../core/mesh-request.ts'

declare module 'http' {
  interface IncomingMessage {
    /** Set by `mesh.serve`, `tulle/express` and `tulle/fastify`. */
    mesh?: MeshRequest
  }
}
