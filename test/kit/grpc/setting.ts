import assert from 'node:assert/strict'
import { type HasRuntime, RUNTIME, type Runtime } from '../../../src/core/runtime.ts'
import { client } from '../../../src/grpc/index.ts'
import { createMesh } from '../../../src/index.ts'
import { type FaultProxy, startFaultProxy } from '../fault-proxy.ts'
import { assertInvariants, watchProcess } from '../invariants.ts'
import type { Cleanup } from '../process.ts'
import { type Counted, countEvents, type Mesh, type MeshOptions } from '../setting.ts'
import { until } from '../wait.ts'
import { closing } from './observe.ts'
import { PRICING, Pricing, type PricingClient } from './pricing.ts'
import { PricingCaller } from './pricing-caller.ts'
import { type PricingServer, pricingServer } from './pricing-server.ts'
import type { Behave } from './pricing-service.ts'

export interface GrpcSettingOptions {
  /** How many pricing servers without a mesh stand behind the service `pricing`; default 1. */
  readonly servers?: number
  readonly behaviour?: Behave
  /** The numbers of those reached through a fault proxy. */
  readonly proxied?: readonly number[]
  /** What the policy says of `pricing`, beside its routes. */
  readonly pricing?: object
  /** Whether the policy's route says that `Quote` may be executed twice; default false. */
  readonly idempotent?: boolean
  readonly mesh?: Partial<MeshOptions>
  /** Addresses beside the servers. */
  readonly also?: readonly string[]
  /** How often those executed a call of this id. */
  readonly executions?: (id: string) => number
}

export interface GrpcSetting {
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly client: PricingClient
  readonly caller: PricingCaller
  readonly servers: readonly PricingServer[]
  readonly server: PricingServer
  readonly proxies: readonly FaultProxy[]
  readonly proxy: FaultProxy
  readonly counted: Counted
  /** How often a call with this id was executed, on all servers. */
  times(id: string): number
  inFlight(): number
  /** Waits until nothing is in flight. */
  rest(): Promise<void>
  /** Waits for rest, asserts every invariant over all that was recorded, and closes the mesh. */
  finish(): Promise<void>
}

/** Retries limited by their number alone. */
export const FREE = { ratio: '100%', minPerSecond: 1000 }

/** The route that says of every `Quote` that it may be executed twice. */
export const TWICE = { match: { grpc: { service: PRICING, method: 'Quote' } }, idempotent: true }

/** A mesh that calls `pricing` by gRPC, its servers, and a caller that records. */
export async function startGrpcSetting(t: Cleanup, options: GrpcSettingOptions = {}): Promise<GrpcSetting> {
  const caught = watchProcess()
  const { servers: count = 1, proxied = [], idempotent = false, also = [] } = options
  const servers: PricingServer[] = []
  const proxies: FaultProxy[] = []
  const addresses: string[] = []
  for (let n = 0; n < count; n++) {
    const server = await pricingServer(t, options.behaviour, { name: `pricing-${n}` })
    servers.push(server)
    if (proxied.includes(n)) {
      const proxy = await startFaultProxy(server.address)
      t.after(() => proxy.close())
      proxies.push(proxy)
      addresses.push(proxy.address)
    } else addresses.push(server.address)
  }
  const pricing = { ...options.pricing, ...(idempotent ? { routes: [TWICE] } : {}) }
  const mesh = createMesh({
    service: 'web',
    log: 'error',
    endpoints: { pricing: [...addresses, ...also] },
    policy: { version: 1, services: { pricing } },
    env: {},
    ...options.mesh,
  })
  t.after(() => mesh.close())
  await mesh.start()
  const runtime = (mesh as unknown as HasRuntime)[RUNTIME]
  const pricingClient = closing(t, client(mesh, Pricing, 'pricing'))
  const caller = new PricingCaller(pricingClient, idempotent)
  const { executions = () => 0 } = options
  const times = (id: string): number =>
    servers.reduce((sum, { ledger }) => sum + ledger.times(id), executions(id))
  const inFlight = (): number =>
    (runtime.endpoints('pricing')?.endpoints ?? []).reduce((sum, { load }) => sum + load.inFlight, 0)
  const rest = async (): Promise<void> => {
    await until(() => inFlight() === 0, { what: 'nothing in flight', seen: inFlight })
  }
  return {
    mesh,
    runtime,
    client: pricingClient,
    caller,
    servers,
    server: servers[0] as PricingServer,
    proxies,
    proxy: proxies[0] as FaultProxy,
    counted: countEvents(runtime),
    times,
    inFlight,
    rest,
    async finish() {
      await rest()
      assertInvariants({ seen: caller.seen, upstreams: [{ name: 'pricing', executions: times }] })
      pricingClient.close()
      await mesh.close()
      assert.deepEqual(caught(), [], 'nothing reached the last resort of the process')
    },
  }
}
