import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { MeshError } from '../core/errors.ts'
import type { Listener } from './request-exchange.ts'

/** What `mesh.serve` takes: an Express app, a plain listener, or an `http.Server` that is not listening. */
export type Application = Listener | Server

type Event = 'request' | 'upgrade' | 'checkContinue' | 'checkExpectation' | 'clientError'

/** An application as the server calls it, whichever way it was given. */
export interface Served {
  has(event: Event): boolean
  request(req: IncomingMessage, res: ServerResponse): unknown
  /** Runs the listeners of an event; what they return, awaited as one. */
  run(event: Event, ...args: readonly unknown[]): unknown
  /** Once the first listener for upgrades is there. */
  onUpgrade(fn: () => void): void
}

/** @throws TULLE_CONFIG for what cannot be served so */
export function served(app: Application): Served {
  if (app instanceof Server) return new ServedServer(app)
  if (typeof app === 'function') return new ServedListener(app)
  throw refused(app)
}

class ServedListener implements Served {
  readonly #listener: Listener

  constructor(listener: Listener) {
    this.#listener = listener
  }

  has(event: Event): boolean {
    return event === 'request'
  }

  request(req: IncomingMessage, res: ServerResponse): unknown {
    return this.#listener(req, res)
  }

  run(): undefined {
    return undefined
  }

  onUpgrade(): void {}
}

/**
 * Header limits are fixed when a Node server is made, so a given one lends its listeners, those added later included:
 * request, upgrade, checkContinue, checkExpectation, clientError. Its time limits and `connection` listeners are not
 * used, and CONNECT is not served: its target is no path that could be judged.
 */
class ServedServer implements Served {
  readonly #server: Server

  constructor(server: Server) {
    if (server.listening) {
      const hint = 'Give serve() the server before listen() is called; serve() listens for you.'
      throw new MeshError('TULLE_CONFIG', 'mesh.serve was given a server that is already listening.', {
        hint,
      })
    }
    this.#server = server
  }

  has(event: Event): boolean {
    return this.#server.listenerCount(event) > 0
  }

  request(req: IncomingMessage, res: ServerResponse): unknown {
    return this.run('request', req, res)
  }

  run(event: Event, ...args: readonly unknown[]): unknown {
    const listeners = this.#server.rawListeners(event)
    if (listeners.length === 1) return listeners[0]!.apply(this.#server, args as unknown[])
    return Promise.all(listeners.map((listener) => listener.apply(this.#server, args as unknown[])))
  }

  onUpgrade(fn: () => void): void {
    if (this.has('upgrade')) {
      fn()
      return
    }
    const added = (event: string | symbol): void => {
      if (event !== 'upgrade') return
      this.#server.removeListener('newListener', added)
      fn()
    }
    this.#server.on('newListener', added)
  }
}

function refused(app: unknown): MeshError {
  const methods = (typeof app === 'object' && app !== null ? app : {}) as {
    register?: unknown
    listen?: unknown
    setSecureContext?: unknown
  }
  if (typeof methods.register === 'function')
    return new MeshError('TULLE_CONFIG', 'mesh.serve was given a Fastify instance.', {
      hint: "Fastify listens by itself: Fastify({ serverFactory: serverFactory(mesh) }) and register(meshPlugin, { mesh }), both from 'tulle/fastify'.",
    })
  if (typeof methods.setSecureContext === 'function')
    return new MeshError('TULLE_CONFIG', 'mesh.serve was given an https.Server.', {
      hint: 'Give it the listener, or an http.Server.',
    })
  return new MeshError('TULLE_CONFIG', 'mesh.serve was given something it cannot serve.', {
    hint: 'It takes an Express app, a (req, res) listener, or an http.Server that is not listening.',
  })
}

/** The upgrade listener of an application. */
export function upgradeOf(app: Served): (req: IncomingMessage, socket: Duplex, head: Buffer) => unknown {
  return (req, socket, head) => app.run('upgrade', req, socket, head)
}
