import type {
  handleUnaryCall,
  Server,
  ServerWritableStream,
  ServiceDefinition,
  UntypedHandleCall,
} from '@grpc/grpc-js'
import { grpcCode } from '../core/grpc-status.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type HealthCheckRequest,
  type HealthCheckResponse,
  NOT_SERVING,
  SERVICE_UNKNOWN,
  SERVING,
  type ServingStatus,
} from './health-codec.ts'

const shared = {
  requestStream: false,
  requestSerialize: encodeRequest,
  requestDeserialize: decodeRequest,
  responseSerialize: encodeResponse,
  responseDeserialize: decodeResponse,
}

/** `grpc.health.v1.Health`; `List` of later versions is not spoken. */
export const HEALTH: ServiceDefinition = {
  Check: { path: '/grpc.health.v1.Health/Check', responseStream: false, ...shared },
  Watch: { path: '/grpc.health.v1.Health/Watch', responseStream: true, ...shared },
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>

/**
 * The health of one server, asked for by gRPC's own health service: serving until every listener that serves it has
 * announced that it will close.
 *
 * It is a service like every other: over a listener with mutual TLS it is there for members of the mesh. Kubelets and
 * load balancers, which have no certificate, ask the plain health port (`TULLE_HEALTH_PORT`).
 */
export class GrpcHealth {
  readonly #names: Set<string> = new Set([''])
  readonly #watchers = new Set<Watcher>()
  #open = 0

  /** One more listener serves. @param names what may be asked for beside the server as a whole */
  opens(names: readonly string[]): void {
    for (const name of names) this.#names.add(name)
    if (this.#open++ === 0) this.#tell()
  }

  /** A listener will close: it is serving still, and wants no more. */
  closes(): void {
    if (--this.#open === 0) this.#tell()
  }

  /** Watching never ends by itself, and must not keep a server from coming to rest. */
  endWatches(): void {
    const error = { code: grpcCode('UNAVAILABLE'), details: 'This instance is shutting down.' }
    for (const watcher of this.#watchers) watcher.emit('error', error)
  }

  readonly check: handleUnaryCall<HealthCheckRequest, HealthCheckResponse> = ({ request }, answer) => {
    const status = this.#statusOf(request.service)
    if (status === SERVICE_UNKNOWN) answer({ code: grpcCode('NOT_FOUND'), details: 'unknown service' })
    else answer(null, { status })
  }

  readonly watch = (call: Watcher): void => {
    this.#watchers.add(call)
    call.on('cancelled', () => this.#watchers.delete(call))
    call.write({ status: this.#statusOf(call.request.service) })
  }

  #statusOf(service: string): ServingStatus {
    if (!this.#names.has(service)) return SERVICE_UNKNOWN
    return this.#open > 0 ? SERVING : NOT_SERVING
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher.write({ status: this.#statusOf(watcher.request.service) })
  }
}

const HEALTHS = new WeakMap<Server, GrpcHealth>()

/** The health service of a server, added at first; undefined where the application has one of its own. */
export function healthOf(server: Server): GrpcHealth | undefined {
  let health = HEALTHS.get(server)
  if (health !== undefined) return health
  health = new GrpcHealth()
  const implementation = {
    Check: health.check as UntypedHandleCall,
    Watch: health.watch as UntypedHandleCall,
  }
  try {
    server.addService(HEALTH, implementation)
  } catch (error) {
    if (error instanceof Error && error.message.includes('already provided')) return undefined
    throw error
  }
  HEALTHS.set(server, health)
  return health
}
