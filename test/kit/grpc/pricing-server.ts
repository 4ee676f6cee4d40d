import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js'
import type { Cleanup } from '../process.ts'
import { Pricing } from './pricing.ts'
import { type Behave, type PricingLedger, PricingService } from './pricing-service.ts'

export interface PricingServerOptions {
  /** What answers say in `served_by`. */
  readonly name?: string
  /** Default: any free port of 127.0.0.1. */
  readonly port?: number
  readonly credentials?: ServerCredentials
  readonly server?: ServerOptions
}

export interface PricingServer {
  readonly port: number
  /** `127.0.0.1:<port>`. */
  readonly address: string
  readonly ledger: PricingLedger
  /** May be set while it runs. */
  behaviour: Behave
  readonly grpc: Server
  /** GOAWAY; resolves when running calls have ended. */
  drain(): Promise<void>
  /** Cuts what is left. */
  close(): void
}

/** A server without a mesh, in this process. It is closed at the end of the test. */
export async function pricingServer(
  t: Cleanup,
  behaviour: Behave = {},
  options: PricingServerOptions = {},
): Promise<PricingServer> {
  const service = new PricingService(behaviour, options.name)
  const grpc = pricingGrpc(service, options.server)
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync(
      `127.0.0.1:${options.port ?? 0}`,
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    )
  })
  const close = (): void => {
    service.close()
    grpc.forceShutdown()
  }
  t.after(close)
  return {
    port,
    address: `127.0.0.1:${port}`,
    ledger: service.ledger,
    get behaviour() {
      return service.behaviour
    },
    set behaviour(next) {
      service.behaviour = next
    },
    grpc,
    drain: () =>
      new Promise((resolve, reject) =>
        grpc.tryShutdown((error) => (error === undefined ? resolve() : reject(error))),
      ),
    close,
  }
}

/** A `grpc.Server` with the service on it that is bound to nothing: for `serve(mesh, server, …)`. */
export function pricingGrpc(
  service: Pick<PricingService, 'implementation'>,
  options?: ServerOptions,
): Server {
  const grpc = new Server(options)
  grpc.addService(Pricing.service, service.implementation)
  return grpc
}
