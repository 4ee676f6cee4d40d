import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdentityHealth } from '../../src/identity/identity-health.ts'
import { createMesh } from '../../src/index.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { rotateRoot } from '../kit/consul/rotate-root.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until } from '../kit/wait.ts'

interface Member {
  readonly mesh: ReturnType<typeof createMesh>
  identity(): IdentityHealth
}

async function member(t: Cleanup, agent: Agent, service: string): Promise<Member> {
  const mesh = createMesh({
    service,
    discovery: 'consul',
    env: agent.env,
    policy: { version: 1, defaults: { connect: { timeout: '5s' } } },
    log: 'silent',
    drainDelay: 0,
  })
  t.after(() => mesh.close())
  // A handshake for each call.
  await mesh.serve((req, res) => res.setHeader('connection', 'close').end(req.mesh?.peer.service), {
    signals: false,
    host: '127.0.0.1',
  })
  return { mesh, identity: () => mesh.health().identity as IdentityHealth }
}

/** Everybody calls everybody, again and again. */
function load(members: readonly Member[]) {
  let stopped = false
  let sent = 0
  const failed: string[] = []
  const between = async (from: Member, to: Member): Promise<void> => {
    const where = `${from.mesh.service} to ${to.mesh.service}`
    while (!stopped) {
      sent += 1
      try {
        const answer = await from.mesh.fetch(`http://${to.mesh.service}.mesh/`, { mesh: { retry: false } })
        const text = await answer.text()
        if (answer.status !== 200 || text !== from.mesh.service)
          failed.push(`${where}: ${answer.status} ${text}`)
      } catch (error) {
        failed.push(`${where}: ${(error as Error).message}`)
      }
      await delay(10)
    }
  }
  const pairs = members.flatMap((from) => members.filter((to) => to !== from).map((to) => between(from, to)))
  return async (): Promise<{ sent: number; failed: string[] }> => {
    stopped = true
    await Promise.all(pairs)
    return { sent, failed }
  }
}

const counted = (identity: IdentityHealth, level: string): number =>
  identity.levels.filter((each) => each.level === level).length

test('FAULTS 38: Consul’s root is rotated under load, three services learn of it each in its time, and no call fails', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const members = await Promise.all(['a', 'b', 'c'].map((service) => member(t, agent, service)))
  const before = members.map(({ identity }) => identity().notAfterMs)
  await until(
    async () => {
      const answers = members.flatMap(({ mesh }) =>
        ['a', 'b', 'c'].map((name) => mesh.fetch(`http://${name}.mesh/`).then((answer) => answer.ok)),
      )
      return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')
    },
    { what: 'all to be found', withinMs: 15_000 },
  )
  const stop = load(members)
  await delay(300)
  const rotatedMs = performance.now()
  await rotateRoot(agent)
  const learnt: string[] = []
  const seen = new Set<string>()
  await until(
    () => {
      for (const { mesh, identity } of members)
        for (const level of ['root', 'intermediate'] as const) {
          const news = `${mesh.service} ${level === 'root' ? 'roots' : 'leaf'}`
          if (seen.has(news) || counted(identity(), level) < (level === 'root' ? 2 : 1)) continue
          seen.add(news)
          learnt.push(`${news} after ${Math.round((performance.now() - rotatedMs) / 100) / 10} s`)
        }
      return seen.size === 6
    },
    // Agents spread the new leaves over half a minute.
    { what: 'all to have new leaves', withinMs: 60_000, seen: () => learnt },
  )
  await delay(300)
  const { sent, failed } = await stop()
  t.diagnostic(`${sent} calls and handshakes; ${learnt.join(', ')}`)
  assert.deepEqual(failed, [])
  assert.ok(sent > 200, `${sent}`)
  for (const [at, { identity }] of members.entries()) {
    const health = identity()
    assert.equal(health.problem, undefined)
    assert.equal(health.from, 'consul')
    assert.ok(health.notAfterMs! >= before[at]!)
  }
})
