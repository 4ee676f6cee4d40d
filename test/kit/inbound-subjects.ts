import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
// @ts-expect-error: the alias of Express 4 comes without types, and those of 5 fit for what is used here
import express4 from 'express4'
import Fastify from 'fastify'
import type { PathMode } from '../../src/core/runtime.ts'
import { meshMiddleware } from '../../src/server/express.ts'
import { meshPlugin, serverFactory } from '../../src/server/fastify.ts'
import { createServe } from '../../src/server/http.ts'
import type { Handler, InboundSubject, Started } from '../contract/inbound.ts'

export type { PathMode }

/** `mesh.serve` around a plain listener. */
export const served: InboundSubject = {
  name: 'http, served',
  rewrites: true,
  async start(harness, rest, item) {
    const listener: Handler = (req, res) => (isItem(req.url) ? item : rest)(req, res)
    return createServe(harness.runtime)(listener, { signals: false })
  },
}

/** `mesh.serve` around an `http.Server`. */
export const servedServer: InboundSubject = {
  name: 'http.Server, served',
  rewrites: true,
  async start(harness, rest, item) {
    const server = createServer((req, res) => (isItem(req.url) ? item : rest)(req, res))
    return createServe(harness.runtime)(server, { signals: false })
  },
}

const isItem = (url: string | undefined): boolean => url?.startsWith('/items/') ?? false

/** `mesh.serve` around an Express app. */
export const servedExpress = (version: 4 | 5): InboundSubject => ({
  name: `express ${version}, served`,
  rewrites: true,
  async start(harness, rest, item) {
    return createServe(harness.runtime)(expressApp(version, rest, item), { signals: false })
  },
})

/** An Express app that listens by itself, with the middleware. */
export const middleware = (version: 4 | 5): InboundSubject => ({
  name: `express ${version}, middleware`,
  rewrites: true,
  async start(harness, rest, item) {
    return listening(
      createServer(expressApp(version, rest, item, (app) => app.use(meshMiddleware(harness.mesh)))),
    )
  },
})

/** Both at once: the stack must apply once. */
export const expressTwice: InboundSubject = {
  name: 'express 5, served and middleware',
  rewrites: true,
  async start(harness, rest, item) {
    const app = expressApp(5, rest, item, (before) => before.use(meshMiddleware(harness.mesh)))
    return createServe(harness.runtime)(app, { signals: false })
  },
}

function expressApp(
  version: 4 | 5,
  rest: Handler,
  item: Handler,
  before: (app: any) => void = () => {},
): Handler {
  const app = version === 4 ? express4() : express()
  app.set('env', 'test')
  before(app)
  // Express 4 does not look at what a handler returns.
  const wrapped =
    (handler: Handler) =>
    (req: any, res: any, next: (error?: unknown) => void): void => {
      Promise.resolve()
        .then(() => handler(req, res))
        .catch(next)
    }
  app.get('/items/:id', wrapped(item))
  app.use(wrapped(rest))
  return app as unknown as Handler
}

/** Fastify on the server tulle makes, and on its own. */
export const fastifySubject = (own: boolean): InboundSubject => ({
  name: own ? 'fastify, plugin alone' : 'fastify, serverFactory and plugin',
  rewrites: !own,
  async start(harness, rest, item) {
    const app = own ? Fastify() : Fastify({ serverFactory: serverFactory(harness.mesh) })
    await app.register(meshPlugin, { mesh: harness.mesh, graceMs: 1000 })
    const handler =
      (run: Handler) =>
      async (request: any, reply: any): Promise<unknown> => {
        await run(request.raw, reply.raw)
        // Fastify is told to leave the answer alone only where nothing was thrown.
        reply.hijack()
        return reply
      }
    app.get('/items/:id', handler(item))
    app.all('/*', handler(rest))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
  },
})

async function listening(server: Server): Promise<Started> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
