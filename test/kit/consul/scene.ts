import assert from 'node:assert/strict'
import type { Mesh } from '../../../src/index.ts'
import type { Cleanup } from '../process.ts'
import { until } from '../wait.ts'
import { type Agent, type AgentOptions, startAgent } from './agent.ts'
import { answering, asking, type Load, type LocalMember, load, localMember } from './members.ts'

/** What faults are played against: `orders` on an agent, and whoever calls it. */
export const ORDERS = 'http://orders.mesh/'
export const HEALTH = '/v1/health/connect/orders'

export async function agentFor(t: Cleanup, options?: AgentOptions): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  return agent
}

/** `orders`, registered as 127.0.0.1; it answers at every address of this machine. */
export async function ordersOn(t: Cleanup, agent: Agent): Promise<LocalMember & { readonly port: number }> {
  const { json: before } = await agent.api('GET', HEALTH)
  const orders = localMember(t, 'orders', { env: agent.env, advertise: '127.0.0.1' })
  const port = await answering(orders.mesh, 0, '0.0.0.0')
  await until(async () => (await agent.api('GET', HEALTH)).json.length > before.length, {
    what: 'its registration',
  })
  return { ...orders, port }
}

/** Another address at which `orders` answers: a change whose arrival can be seen. */
export async function appear(
  agent: Agent,
  address: string,
  Port: number,
  service = 'orders',
): Promise<() => Promise<unknown>> {
  const Node = `${service}-${address}`
  const Service = { ID: Node, Service: service, Address: address, Port, Connect: { Native: true } }
  const { status, text } = await agent.api('PUT', '/v1/catalog/register', { Node, Address: address, Service })
  assert.equal(status, 200, text)
  return () => agent.api('PUT', '/v1/catalog/deregister', { Node })
}

/** Whether this address of a service is one of those that may be called. */
export const knows = (mesh: Mesh, address: string, service = 'orders'): boolean =>
  mesh.describe(service).endpoints.some(({ id }) => id.startsWith(`${address}:`))

/** Resolves when `health().degraded` has such a sentence. */
export function complains(mesh: Mesh, of: RegExp, withinMs = 30_000): Promise<unknown> {
  return until(() => mesh.health().degraded.some((each) => of.test(each)), {
    what: `a complaint like ${of}`,
    withinMs,
    seen: () => mesh.health().degraded,
  })
}

/** Resolves when nothing is degraded any longer. */
export function well(mesh: Mesh, withinMs = 60_000): Promise<unknown> {
  return until(() => mesh.health().degraded.length === 0, {
    what: 'the end of the complaints',
    withinMs,
    seen: () => mesh.health().degraded,
  })
}

/** Calls of `orders` until `unharmed`, or the end of the test. */
export function calls(t: Cleanup, mesh: Mesh): Load {
  const traffic = load(asking(mesh, ORDERS))
  t.after(() => traffic.stop())
  return traffic
}

/** Ends the load, when it was one: no call of it failed. */
export async function unharmed(traffic: Load): Promise<void> {
  await until(() => traffic.sent() > 100, { what: 'a load', withinMs: 60_000, seen: () => traffic.sent() })
  const { sent, failed } = await traffic.stop()
  assert.deepEqual(failed.slice(0, 5), [], `${failed.length} of ${sent} calls failed`)
}
