import { type ClientOptions, credentials, type ServerOptions } from '@grpc/grpc-js'
import { client } from '../../../src/grpc/index.ts'
import { createMesh, type Mesh } from '../../../src/index.ts'
import type { Cleanup } from '../process.ts'
import { closing } from './observe.ts'
import { Pricing, type PricingClient } from './pricing.ts'
import { type PricingServer, pricingServer } from './pricing-server.ts'
import type { Behave } from './pricing-service.ts'

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

/** A mesh that knows the endpoints of `pricing`, and nothing else. */
export async function meshOver(t: Cleanup, ...addresses: readonly string[]): Promise<Mesh> {
  const mesh = createMesh({
    service: 'web',
    logger: SILENT,
    env: {},
    endpoints: addresses.length === 0 ? {} : { pricing: addresses },
  })
  t.after(() => mesh.close())
  await mesh.start()
  return mesh
}

export interface Twins {
  readonly server: PricingServer
  readonly mesh: Mesh
  /** grpc-js alone. */
  readonly plain: PricingClient
  /** The same class over the mesh. */
  readonly meshed: PricingClient
}

/** One server, and two clients of it made with the same options: what the application sees must be the same. */
export async function twins(
  t: Cleanup,
  behaviour: Behave = {},
  options: ClientOptions = {},
  serverOptions: ServerOptions = {},
): Promise<Twins> {
  const server = await pricingServer(t, behaviour, { server: serverOptions })
  const mesh = await meshOver(t, server.address)
  const alone = { 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1, ...options }
  return {
    server,
    mesh,
    plain: closing(t, new Pricing(server.address, credentials.createInsecure(), alone)),
    meshed: closing(t, client(mesh, Pricing, 'pricing', options)),
  }
}
