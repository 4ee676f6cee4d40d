import type { Duplex } from 'node:stream'
import { experimental, type Server, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js'
import { MeshError } from '../core/errors.ts'
import type { MtlsMode } from '../core/identity.ts'
import type { ConnectionLimits, HasRuntime, Listening, Runtime } from '../core/runtime.ts'
import { runtimeOf } from './arguments.ts'
import { GrpcGuest, type Inject } from './guest.ts'
import { healthOf } from './health.ts'
import { type CallClass, interceptors } from './interceptor.ts'
import { rememberStore } from './mesh-of.ts'
import { survivesEarlyResets } from './reset-early.ts'

export interface ServeOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined
  /** The address to listen on; default every one, IPv6 included. */
  readonly host?: string | undefined
  /** Signals on which the mesh is drained and closed; default `['SIGTERM']`. */
  readonly signals?: readonly NodeJS.Signals[] | false | undefined
  /** How long calls in flight may take at the end, in milliseconds; default 30 s for `close`, the mesh's own for signals. */
  readonly graceMs?: number | undefined
  /**
   * Who may come in: `strict`, peers that prove their identity; `permissive`, plaintext as well, counted; `disable`,
   * anybody in plaintext, a public door where the mesh's metadata is not believed. Default the mesh's own mode.
   */
  readonly mtls?: MtlsMode | undefined
  readonly limits?: ConnectionLimits | undefined
  /**
   * Names of services that `grpc.health.v1` answers for beside the server as a whole; `false`: it is not added. Where the
   * application has a health service of its own it stays, if it was added before.
   */
  readonly health?: readonly string[] | false | undefined
}

/** What is used of grpc-js, of the copy that the application's server is of. */
export interface GrpcLibrary {
  readonly ServerCredentials: typeof ServerCredentials
  readonly ServerInterceptingCall: CallClass
  readonly experimental: Pick<typeof experimental, 'createServerCredentialsWithInterceptors'>
}

export type Serve = (mesh: HasRuntime, server: Server, options?: ServeOptions) => Promise<Listening>

/**
 * Serves a grpc-js server through the mesh: mutual TLS, registration, the inbound stack around every handler, a health
 * service, and drain. Listens once the mesh is ready; `bindAsync` is not called.
 *
 * Handlers find the verified peer and the remaining time with `meshOf(call)`, and run inside the ambient of their call: the
 * calls they make inherit its deadline, its trace and its cancellation.
 *
 * Its health service (`grpc.health.v1`) stands behind the same door as every other; probes that have no certificate ask the
 * plain health port (`TULLE_HEALTH_PORT`).
 *
 * @throws TULLE_CONFIG for a server it cannot serve or an option it does not know; TULLE_CLOSED where the mesh is shutting
 * down; the system's error where it cannot listen
 */
export const serve: Serve = servingWith({ ServerCredentials, ServerInterceptingCall, experimental })

/** `serve` for another copy of grpc-js. */
export function servingWith({ ServerCredentials, ServerInterceptingCall, experimental }: GrpcLibrary): Serve {
  const intercepting = interceptors(ServerInterceptingCall)
  return async (mesh, server, { health: names = [], ...options } = {}) => {
    const runtime = listensOf(mesh)
    checkServer(server, ServerCredentials)
    survivesEarlyResets(server)
    rememberStore(runtime.ambient)
    checkHealth(names)
    const health = names === false ? undefined : healthOf(server)
    const inject: Inject = (arrival, carrier) => {
      const plain = ServerCredentials.createInsecure()
      const credentials = experimental.createServerCredentialsWithInterceptors(plain, [intercepting(carrier)])
      const injector = server.createConnectionInjector(credentials)
      injector.injectConnection(arrival.socket as Duplex)
      return injector
    }
    const guest = new GrpcGuest(runtime, health, inject, options.limits?.maxHeaderBytes)
    const listening = await runtime.listen({ ...options, protocol: 'grpc', alpn: ['h2'] }, guest)
    guest.opens(names === false ? [] : names)
    return listening
  }
}

type Listens = Runtime & Required<Pick<Runtime, 'listen'>>

function listensOf(mesh: HasRuntime): Listens {
  const runtime = runtimeOf(mesh, 'serve(mesh, server)')
  if (runtime.listen !== undefined) return runtime as Listens
  throw new MeshError('TULLE_CONFIG', 'This mesh cannot listen for gRPC.', {
    layer: 'server',
    hint: 'It was made by another copy of tulle, an older one; `npm ls tulle` shows both.',
  })
}

function checkHealth(names: unknown): void {
  if (names === false || (Array.isArray(names) && names.every((name) => typeof name === 'string'))) return
  const found = JSON.stringify(names) ?? typeof names
  throw new MeshError(
    'TULLE_CONFIG',
    `serve: option health: expected false or a list of names, found ${found}`,
    {
      layer: 'server',
      hint: "Names are those that probes ask for, such as ['pricing.v1.Pricing'].",
    },
  )
}

function checkServer(server: Server, credentials: typeof ServerCredentials): void {
  const { createConnectionInjector, addService } = (server ?? {}) as Partial<Server>
  if (typeof addService !== 'function')
    throw new MeshError('TULLE_CONFIG', 'serve was given something that is no server of @grpc/grpc-js.', {
      layer: 'server',
      hint: "Give it a `new Server()` of '@grpc/grpc-js', its services added.",
    })
  if (typeof createConnectionInjector !== 'function')
    throw new MeshError('TULLE_CONFIG', 'serve was given a server of a @grpc/grpc-js that is too old.', {
      layer: 'server',
      hint: 'Use @grpc/grpc-js 1.12.6 or newer: its servers have createConnectionInjector.',
    })
  try {
    server.createConnectionInjector(credentials.createInsecure()).destroy()
  } catch (cause) {
    // grpc-js knows credentials by their class.
    throw new MeshError('TULLE_CONFIG', 'serve was given a server of another copy of @grpc/grpc-js.', {
      layer: 'server',
      hint: '`npm ls @grpc/grpc-js` shows where it is installed twice; `npm dedupe` leaves one.',
      cause,
    })
  }
}
