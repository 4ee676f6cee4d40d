import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdentityHealth } from '../../src/identity/identity-health.ts'
import { createMesh } from '../../src/index.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { rotateRoot } from '../kit/consul/rotate-root.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until } from '../kit/wait.ts'

async function federation(t: Cleanup): Promise<[Agent, Agent]> {
  const primary = await startAgent({ wan: true, datacenter: 'dc1', config: { primary_datacenter: 'dc1' } })
  t.after(() => primary.stop())
  const secondary = await startAgent({
    wan: true,
    datacenter: 'dc2',
    config: {
      primary_datacenter: 'dc1',
      retry_join_wan: [`127.0.0.1:${primary.ports.wan}`],
      retry_interval_wan: '200ms',
    },
  })
  t.after(() => secondary.stop())
  return [primary, secondary]
}

async function member(t: Cleanup, agent: Agent, service: string) {
  const mesh = createMesh({
    service,
    discovery: 'consul',
    env: agent.env,
    policy: { version: 1, defaults: { connect: { timeout: '5s' } } },
    startTimeout: '20s',
    log: 'silent',
    drainDelay: 0,
  })
  t.after(() => mesh.close())
  // A handshake for each call.
  await mesh.serve((req, res) => res.setHeader('connection', 'close').end(req.mesh?.peer.id), {
    signals: false,
    host: '127.0.0.1',
  })
  const health = (): IdentityHealth => mesh.health().identity as IdentityHealth
  /** It has a leaf that a second root vouches for. */
  const renewed = (before: IdentityHealth): boolean =>
    health().levels.filter(({ level }) => level === 'root').length === 2 &&
    health().levels.length > before.levels.length + 1
  return { mesh, health, renewed }
}

test('FAULTS 38: datacenters call each other by mutual TLS, and the root they share is rotated without a lost call', async (t) => {
  const [dc1, dc2] = await federation(t)
  const web = await member(t, dc1, 'web')
  const orders = await member(t, dc2, 'orders')
  const domain = web.health().trustDomain
  assert.equal(orders.health().id, `spiffe://${domain}/ns/default/dc/dc2/svc/orders`)
  let sent = 0
  const call = async (from: typeof web, url: string): Promise<string> => {
    sent += 1
    const answer = await from.mesh.fetch(url, { mesh: { retry: false } })
    return `${answer.status} ${await answer.text()}`
  }
  const there = (): Promise<string> => call(web, 'http://orders.dc2.mesh/')
  const back = (): Promise<string> => call(orders, 'http://web.dc1.mesh/')
  for (const ask of [there, back]) {
    let why: unknown
    const answered = (): Promise<unknown> =>
      ask().catch((error: unknown) => {
        why = String(error)
        return false
      })
    await until(answered, { what: 'an answer from the other one', withinMs: 60_000, seen: () => why })
  }
  assert.equal(await there(), `200 ${web.health().id}`)
  assert.equal(await back(), `200 ${orders.health().id}`)

  const before = [web.health(), orders.health()] as const
  await rotateRoot(dc1)
  const failed: string[] = []
  await until(
    async () => {
      for (const each of [there, back])
        await each().then(
          (said) => said.startsWith('200') || failed.push(said),
          (error: Error) => failed.push(error.message),
        )
      await delay(10)
      return web.renewed(before[0]) && orders.renewed(before[1])
    },
    // Agents spread the new leaves over half a minute.
    {
      what: 'new leaves in both',
      withinMs: 90_000,
      seen: () => [web.health().levels, orders.health().levels],
    },
  )
  for (const each of [there, back, there, back]) assert.match(await each(), /^200 /)
  t.diagnostic(`${sent} calls between datacenters`)
  assert.deepEqual(failed, [])
})
