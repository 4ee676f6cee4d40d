import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpsPlaneLink } from '../../../src/control/plane-link.ts'
import { verifyPlane } from '../../../src/identity/verify-plane.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { startAgent } from '../../kit/consul/agent.ts'
import { rotateRoot } from '../../kit/consul/rotate-root.ts'
import type { Cleanup } from '../../kit/process.ts'
import { until } from '../../kit/wait.ts'
import { clientOf, policyOf, replica, silent } from './stage.ts'

const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: silent }

/** An administrator, who knows the plane by the root that the token pins. */
function administrator(t: Cleanup, url: string, token: string): HttpsPlaneLink {
  const link = new HttpsPlaneLink({
    urls: [url],
    token,
    roots: () => undefined,
    trustDomain: () => undefined,
    verifyPlane: (chain, trustDomain) => verifyPlane(chain, trustDomain, systemWall()),
    ...world,
  })
  t.after(() => link.close())
  return link
}

test('FAULTS 38: Consul’s root is rotated: the plane shows the new certificate without a restart, to members with either root and to the token of before', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const plane = await replica(t, agent)
  const before = plane.rootSha256
  const old = await clientOf(t, agent, plane, 'orders')
  const asks = async (client: typeof old): Promise<number> => (await client.ask('/v1/policy')).status
  assert.equal(await asks(old), 200)
  await rotateRoot(agent)
  const rotated = performance.now()
  // Agents spread the new leaves over half a minute.
  await until(() => plane.rootSha256 !== before, { what: 'the new certificate', withinMs: 60_000 })
  t.diagnostic(
    `the new certificate is shown ${Math.round((performance.now() - rotated) / 100) / 10} s after the rotation`,
  )
  const fresh = await clientOf(t, agent, plane, 'users')
  assert.deepEqual([await asks(old), await asks(fresh)], [200, 200])
  const admin = administrator(t, plane.url, plane.adminToken!)
  const documents = [{ name: 'orders.yaml', text: policyOf('orders', '1s') }]
  const { body } = await admin.send({
    method: 'POST',
    path: '/v1/policy',
    body: { documents },
    auth: 'token',
  })
  assert.deepEqual(body, { sequence: 1, changed: true })
})
