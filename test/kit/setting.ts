import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallEvent } from '../../src/core/events.ts'
import { type HasRuntime, RUNTIME, type Runtime } from '../../src/core/runtime.ts'
import { createMesh } from '../../src/index.ts'
import { Caller } from './caller.ts'
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { assertInvariants, watchProcess } from './invariants.ts'
import { type Ledger, startLedger } from './ledger.ts'
import type { Cleanup } from './process.ts'
import { until } from './wait.ts'

export type Mesh = ReturnType<typeof createMesh>
export type MeshOptions = NonNullable<Parameters<typeof createMesh>[0]>

export interface SettingOptions {
  /** How many ledgers stand behind the service `orders`; default 1. */
  readonly upstreams?: number
  /** The numbers of those reached through a fault proxy. */
  readonly proxied?: readonly number[]
  /** What the policy says of `orders`. */
  readonly orders?: object
  /** Options of the mesh beside service, endpoints, policy and environment. */
  readonly mesh?: Partial<MeshOptions>
  /** Addresses beside the ledgers. */
  readonly also?: readonly string[]
}

/** What happened inside, counted from the mesh's own events. */
export interface Counted {
  retries: number
  transparent: number
  refusedRetries: number
  ejections: number
  readonly breaker: string[]
  readonly calls: CallEvent[]
}

export interface Setting {
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly ledgers: readonly Ledger[]
  readonly ledger: Ledger
  readonly proxies: readonly FaultProxy[]
  readonly proxy: FaultProxy
  readonly caller: Caller
  readonly counted: Counted
  executions(id: string): number
  inFlight(): number
  /** Waits for rest, asserts every invariant over all that was recorded, closes the mesh, and looks for sockets left. */
  finish(): Promise<void>
}

/** A mesh that calls `orders`, its upstreams, and a caller that records: the stage of every test of a fault. */
export async function startSetting(t: Cleanup, options: SettingOptions = {}): Promise<Setting> {
  const caught = watchProcess()
  const count = options.upstreams ?? 1
  const ledgers = await Promise.all(
    Array.from({ length: count }, (_, n) => startLedger({ name: `orders-${n}` })),
  )
  const proxies: FaultProxy[] = []
  const addresses: string[] = []
  let mesh: Mesh | undefined
  t.after(async () => {
    await mesh?.close()
    for (const proxy of proxies) await proxy.close()
    for (const ledger of ledgers) await ledger.close()
    caught()
  })
  for (const [number, ledger] of ledgers.entries()) {
    const proxy =
      options.proxied?.includes(number) === true ? await startFaultProxy(ledger.address) : undefined
    if (proxy !== undefined) proxies.push(proxy)
    addresses.push((proxy ?? ledger).address)
  }
  const made = createMesh({
    service: 'web',
    log: 'error',
    endpoints: { orders: [...addresses, ...(options.also ?? [])] },
    policy: { version: 1, services: { orders: options.orders ?? {} } },
    env: {},
    ...options.mesh,
  })
  mesh = made
  await made.start()

  const runtime = (made as unknown as HasRuntime)[RUNTIME]
  const caller = new Caller(made.request.bind(made), 'http://orders.mesh')
  const inFlight = (): number =>
    (runtime.endpoints('orders')?.endpoints ?? []).reduce((sum, endpoint) => sum + endpoint.load.inFlight, 0)
  return {
    mesh: made,
    runtime,
    ledgers,
    ledger: ledgers[0] as Ledger,
    proxies,
    proxy: proxies[0] as FaultProxy,
    caller,
    counted: countEvents(runtime),
    executions: (id) => ledgers.reduce((sum, ledger) => sum + ledger.executions(id), 0),
    inFlight,
    async finish() {
      await until(() => inFlight() === 0, { what: 'nothing in flight', seen: inFlight })
      assertInvariants({ seen: caller.seen, upstreams: ledgers })
      await made.close()
      const open = (): number => ledgers.reduce((sum, ledger) => sum + ledger.openConnections, 0)
      await until(() => open() === 0, { what: 'every connection to be closed', seen: open })
      assert.deepEqual(caught(), [], 'nothing reached the last resort of the process')
    },
  }
}

export function countEvents({ events }: Runtime): Counted {
  const counted: Counted = {
    retries: 0,
    transparent: 0,
    refusedRetries: 0,
    ejections: 0,
    breaker: [],
    calls: [],
  }
  events.on('retry', ({ transparent }) => {
    if (transparent) counted.transparent++
    else counted.retries++
  })
  events.on('retry-refused', () => counted.refusedRetries++)
  events.on('ejected', () => counted.ejections++)
  events.on('breaker', ({ state }) => counted.breaker.push(state))
  events.on('call', (event) => counted.calls.push(event))
  return counted
}

export interface PolicyFile {
  readonly path: string
  /** Replaces the document in one step, as a deployment tool does. */
  write(document: object): void
}

/** A policy document on disk, removed at the end of the test. */
export function createPolicyFile(t: Cleanup, document: object): PolicyFile {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-policy-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'mesh.json')
  const write = (next: object): void => {
    writeFileSync(`${path}.next`, JSON.stringify(next))
    renameSync(`${path}.next`, path)
  }
  write(document)
  return { path, write }
}
