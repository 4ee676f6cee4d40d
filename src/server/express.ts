import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HasRuntime, RUNTIME } from '../core/runtime.ts'
import { standaloneDoor } from './door.ts'
import { handle } from './inbound.ts'

export type { MeshRequest } from './mesh-request.ts'

/** What is needed of Express, 4 and 5 alike; its own types fit. */
export type MeshMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

interface ExpressRequest extends IncomingMessage {
  originalUrl?: string
  baseUrl?: string
}

/**
 * The inbound stack as Express middleware, for apps that listen by themselves: `app.use(meshMiddleware(mesh))`, before
 * everything else. Below `mesh.serve` it does nothing a second time.
 *
 * It cannot bring TLS: where the mesh takes mutual TLS only, every request of an app that listens by itself is refused.
 * Errors of handlers stay with Express. Mounted under a path, Express has already routed, so a request whose path is
 * not canonical is refused instead of rewritten. Mind that Express matches paths without regard to case unless
 * `case sensitive routing` is enabled: rules by path do regard it.
 *
 * @throws TypeError where `mesh` is no mesh
 */
export function meshMiddleware(mesh: HasRuntime): MeshMiddleware {
  const runtime = mesh[RUNTIME]
  if (runtime === undefined)
    throw new TypeError('meshMiddleware(mesh): the argument is not a mesh made by createMesh')
  return (req: ExpressRequest, res, next) => {
    const given = req.originalUrl ?? req.url ?? ''
    const mounted = req.baseUrl !== undefined && req.baseUrl !== ''
    const listener = (): void => {
      if (!mounted) req.originalUrl = req.url ?? given
      next()
    }
    handle(runtime, req, res, listener, {
      routedBy: mounted ? given : undefined,
      door: standaloneDoor(runtime),
    })
  }
}
