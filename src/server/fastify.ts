import type { Server } from 'node:http'
import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  FastifyServerFactory,
  HookHandlerDoneFunction,
} from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { MtlsMode } from '../core/identity.ts'
import { type HasRuntime, RUNTIME, type Runtime } from '../core/runtime.ts'
import { standaloneDoor } from './door.ts'
import { DrainingHttp } from './draining-http.ts'
import { answerClientError, limitedServer, limitedServerOf } from './http-server.ts'
import { handle, handleUpgrade, type InboundOptions, inboundCall } from './inbound.ts'
import type { ServerLimits } from './limits.ts'
import type { MeshRequest } from './mesh-request.ts'
import { comeToRest } from './serving.ts'

export type { MeshRequest } from './mesh-request.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on routes with `config: { mesh: false }`. */
    mesh: MeshRequest | null
  }
  interface FastifyContextConfig {
    /** False: this route stays outside the inbound stack; only without `serverFactory`. */
    mesh?: boolean | undefined
  }
}

export interface MeshPluginOptions {
  readonly mesh: HasRuntime
  /** How long requests in flight may take when Fastify closes, in milliseconds; default 30 s. */
  readonly graceMs?: number | undefined
}

/**
 * `Fastify({ serverFactory: serverFactory(mesh) })`: the server tulle would make itself, with its limits, and the
 * inbound stack before routing, so that paths are made canonical for the router as well.
 */
export function serverFactory(
  mesh: HasRuntime,
  options: Partial<ServerLimits> & { readonly mtls?: MtlsMode | undefined } = {},
): FastifyServerFactory {
  const runtime = runtimeOf(mesh, 'serverFactory(mesh)')
  return (handler) => {
    const { mtls: own, ...limits } = options
    const { server, draining, limits: inForce, mtls, door } = limitedServer(runtime, limits, own)
    const inbound = { maxHeaders: inForce.maxHeaders, track: draining, door }
    const serve = (req: Parameters<typeof handler>[0], res: Parameters<typeof handler>[1]): void =>
      handle(runtime, req, res, (raw, reply) => handler(raw as typeof req, reply as typeof res), inbound)
    server.on('request', serve)
    server.on('clientError', (error, socket) => answerClientError(error, socket, draining))
    server.once('listening', () => admitUpgrades(runtime, server, inbound))
    server.on('listening', () => draining.listensAs(mtls))
    drainWithMesh(runtime, server, draining)
    return server
  }
}

/** What plugins have hung on the server for WebSockets goes behind the stack as well. */
function admitUpgrades(runtime: Runtime, server: Server, inbound: InboundOptions): void {
  const listeners = server.rawListeners('upgrade')
  if (listeners.length === 0) return
  server.removeAllListeners('upgrade')
  const upgrade = (...args: unknown[]): unknown =>
    Promise.all(listeners.map((one) => one.apply(server, args)))
  server.on('upgrade', (req, socket, head) => handleUpgrade(runtime, req, socket, head, upgrade, inbound))
}

/**
 * `fastify.register(meshPlugin, { mesh })`: `request.mesh`, the start of the mesh before Fastify listens, the drain, the route pattern; and, without `serverFactory`,
 * the inbound stack itself, behind routing: there a request whose path is not canonical is refused.
 */
export const meshPlugin: FastifyPluginCallback<MeshPluginOptions> = fastifyPlugin(
  (
    fastify: FastifyInstance,
    { mesh, graceMs = 30_000 }: MeshPluginOptions,
    done: (error?: Error) => void,
  ) => {
    const runtime = runtimeOf(mesh, 'meshPlugin')
    const limited = limitedServerOf(fastify.server)
    const draining = limited?.draining ?? new DrainingHttp(runtime.service, fastify.server, runtime.clock)
    if (limited === undefined) {
      // Without a server of ours there is no TLS: where it is demanded nobody is served, and nobody shall be sent here.
      if (standaloneDoor(runtime) === undefined)
        fastify.server.on('listening', () => draining.listensAs('disable'))
      drainWithMesh(runtime, fastify.server, draining)
    }
    fastify.decorateRequest('mesh', null)
    fastify.addHook(
      'onRequest',
      (request: FastifyRequest, _reply: FastifyReply, next: HookHandlerDoneFunction) => {
        const { raw } = request
        const enter = (): void => {
          const call = inboundCall(raw)
          if (call !== undefined) call.patternOf = () => request.routeOptions.url
          request.mesh = raw.mesh ?? null
          next()
        }
        if (inboundCall(raw) !== undefined) enter()
        else if (request.routeOptions.config.mesh === false) next()
        else {
          const door = standaloneDoor(runtime)
          handle(runtime, raw, _reply.raw, enter, { routedBy: raw.url, track: draining, door })
        }
      },
    )
    // As `mesh.serve` does: before the first certificate nobody could come in, and nobody would hear of this server.
    fastify.addHook('onReady', () => runtime.whenReady())
    let resting: Promise<void> | undefined
    const rest = (): Promise<void> => {
      resting ??= comeToRest(runtime, draining, graceMs)
      return resting
    }
    restBeforeClose(fastify, rest)
    // Where another instance of Fastify than the one with the plugin is closed.
    fastify.addHook('preClose', rest)
    done()
  },
  { fastify: '5.x', name: 'tulle' },
)

/**
 * From the moment Fastify begins to close, before any of its hooks, it answers every request with a 503
 * (`return503OnClosing`): callers that have not heard yet are served until then.
 */
function restBeforeClose(fastify: FastifyInstance, rest: () => Promise<void>): void {
  const close = fastify.close as (...args: unknown[]) => Promise<undefined>
  const closeAtRest = async (...args: unknown[]): Promise<undefined> => {
    if (fastify.server.listening) await rest()
    return close.apply(fastify, args)
  }
  fastify.close = closeAtRest as FastifyInstance['close']
}

function drainWithMesh(runtime: Runtime, server: Server, draining: DrainingHttp): void {
  server.on('listening', () => runtime.servers.add(draining))
  server.on('close', () => runtime.servers.remove(draining))
}

function runtimeOf(mesh: HasRuntime, where: string): Runtime {
  const runtime = mesh?.[RUNTIME]
  if (runtime === undefined) throw new TypeError(`${where}: mesh is not a mesh made by createMesh`)
  return runtime
}
