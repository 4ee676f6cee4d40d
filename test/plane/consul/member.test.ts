import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import { PlanePolicyFeed } from '../../../src/control/plane-feed.ts'
import { HttpsPlaneLink } from '../../../src/control/plane-link.ts'
import { ConsulIdentitySource } from '../../../src/identity/consul-source.ts'
import { MeshIdentity } from '../../../src/identity/mesh-identity.ts'
import { verifyPlane } from '../../../src/identity/verify-plane.ts'
import type { ConsulPlane } from '../../../src/plane.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import { systemRandom } from '../../../src/platform/random.ts'
import { LOCAL_NAMES } from '../../../src/policy/hosts.ts'
import { createParser } from '../../../src/policy/parse.ts'
import { policyPieces } from '../../../src/stack.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import type { Cleanup } from '../../kit/process.ts'
import { until } from '../../kit/wait.ts'
import { policyOf, replica, silent } from './stage.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

const world = { clock: systemClock, wall: systemWall, random: systemRandom, log: silent }

/** A process of the mesh as a plane sees it: who it is and whom it believes comes from Connect. */
async function member(t: Cleanup, service: string, planes: readonly ConsulPlane[]) {
  const consul = new HttpConsulLink({ address: agent.address, ...world })
  const identity = new MeshIdentity({
    service,
    source: new ConsulIdentitySource({ service, link: consul, ...world }),
    ...world,
  })
  await identity.start(new AbortController().signal)
  const link = new HttpsPlaneLink({
    urls: planes.map(({ url }) => url),
    identity,
    roots: () => identity.roots,
    trustDomain: () => identity.trustDomain,
    verifyPlane: (chain, trustDomain) => verifyPlane(chain, trustDomain, systemWall()),
    ...world,
  })
  const parse = createParser({ pieces: policyPieces, allowedHosts: LOCAL_NAMES })
  const feed = new PlanePolicyFeed({ link, parse, instance: `${service}-1`, service, ...world })
  await feed.start(new AbortController().signal)
  t.after(async () => {
    await feed.close()
    await link.close()
    await identity.close()
    await consul.close()
  })
  return { feed, identity }
}

const orders = (timeout: string) => [{ name: 'orders.yaml', text: policyOf('orders', timeout) }]
const inForce = (feed: PlanePolicyFeed, sequence: number) =>
  until(() => feed.status().sequence === sequence, {
    what: `version ${sequence}`,
    withinMs: 20_000,
    seen: () => feed.status(),
  })

test('a member takes the policy of whichever replica answers, proves itself by its Connect leaf, and says what it runs', async (t) => {
  const store = 'consul:///members'
  const planes = [await replica(t, agent, { store }), await replica(t, agent, { store })] as const
  await planes[0].pushPolicy({ documents: orders('1s') })
  const { feed, identity } = await member(t, 'orders', planes)
  assert.match(identity.id ?? '', /^spiffe:\/\/[0-9a-f-]+\.consul\/ns\/default\/dc\/dc1\/svc\/orders$/)
  await inForce(feed, 1)
  await planes[1].pushPolicy({ documents: orders('2s') })
  await inForce(feed, 2)
  const asked = await until(
    () => planes.find((plane) => plane.subscribers().some(({ sequence }) => sequence === 2)),
    { what: 'the acknowledgement' },
  )
  await asked.close()
  const other = planes[asked === planes[0] ? 1 : 0]
  await other.pushPolicy({ documents: orders('3s') })
  await inForce(feed, 3)
  await until(
    () => other.subscribers().some(({ instance, sequence }) => instance === 'orders-1' && sequence === 3),
    { what: 'the acknowledgement at the other' },
  )
})
