import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsulPlane } from '../../../src/plane.ts'
import { startAgent, startCluster } from '../../kit/consul/agent.ts'
import { delay, until } from '../../kit/wait.ts'
import { clientOf, policyOf, replica } from './stage.ts'

const counter = (count: number) => [{ name: 'counter.yaml', text: policyOf('counter', `${count}ms`) }]
const counted = (documents: readonly { readonly text: string }[]): number =>
  Number(/timeout: (\d+)ms/.exec(documents[0]?.text ?? 'timeout: 0ms')?.[1])

test('FAULTS 21: while Consul is away the policy is served and pushes are refused saying why; afterwards all goes on', async (t) => {
  const agent = await startAgent({ dataDir: true })
  t.after(() => agent.stop())
  const planes = [await replica(t, agent), await replica(t, agent)]
  const token = planes[0]?.adminToken
  const [one, two] = await Promise.all(planes.map((plane) => clientOf(t, agent, plane, 'orders')))
  await planes[0]?.pushPolicy({ documents: counter(1) })
  const { etag } = await one!.ask('/v1/policy')
  const waiting = two!.ask('/v1/policy', { etag: etag!, wait: 60 })
  await agent.kill()
  const documents = counter(2)
  const push = () =>
    one!.ask('/v1/policy', { method: 'POST', token, body: { documents, expected: 1, author: 'ann' } })
  const refused = await push()
  assert.deepEqual([refused.status, refused.body.error], [503, 'TULLE_CONSUL'])
  assert.match(
    refused.body.message,
    /^the plane's state in consul:\/\/127\.0\.0\.1:\d+\/tulle: .*connection refused/,
  )
  assert.match(refused.body.hint, /What a plane has in force stays in force/)
  assert.equal((await one!.ask('/v1/policy')).body.sequence, 1)
  assert.equal((await one!.ask('/readyz')).status, 200)
  await agent.restart()
  assert.deepEqual((await push()).body, { sequence: 2, changed: true })
  assert.equal((await waiting).body.sequence, 2)
})

test('a leader that is killed: pushes through either replica are made once or refused, none is lost and none doubled', async (t) => {
  const cluster = await startCluster()
  t.after(() => cluster.stop())
  const leader = await cluster.leader()
  const [a, b] = cluster.servers.filter((server) => server !== leader)
  const planes = await Promise.all([replica(t, a!), replica(t, b!)])
  const successes: number[] = []
  const reasons = new Set<string>()
  let writing = true
  const write = async (plane: ConsulPlane, server: typeof a): Promise<void> => {
    const client = await clientOf(t, server!, plane, 'orders')
    const token = planes.find(({ adminToken }) => adminToken !== undefined)?.adminToken
    while (writing) {
      const { sequence, documents } = (await client.ask('/v1/policy')).body
      const body = { documents: counter(counted(documents) + 1), expected: sequence }
      const { status, body: said } = await client.ask('/v1/policy', { method: 'POST', token, body })
      if (status === 200) successes.push(said.sequence)
      else {
        assert.ok(status === 409 || status === 503, `${status} ${JSON.stringify(said)}`)
        reasons.add(`${status} ${said.error}`)
      }
      await delay(5)
    }
  }
  const writers = [write(planes[0]!, a), write(planes[1]!, b)]
  await until(() => successes.length > 20, { what: 'some versions' })
  await leader.kill()
  const before = successes.length
  const killed = performance.now()
  await until(() => successes.length > before + 20, {
    what: 'versions under the next leader',
    withinMs: 60_000,
  })
  const awayMs = performance.now() - killed
  writing = false
  await Promise.all(writers)
  const client = await clientOf(t, a!, planes[0]!)
  const token = planes.find(({ adminToken }) => adminToken !== undefined)?.adminToken
  const newest = Math.max(...successes)
  const counts: number[] = []
  for (let sequence = Math.max(1, newest - 150); sequence <= newest; sequence++) {
    const { body } = await client.ask(`/v1/policy/versions/${sequence}`, { token })
    counts.push(counted(body.documents) - sequence)
  }
  // Each version is one step of the counter, so none was made of what had been replaced meanwhile.
  assert.deepEqual([...new Set(counts)], [0])
  assert.equal(new Set(successes).size, successes.length)
  t.diagnostic(
    `${newest} versions, 20 more within ${Math.round(awayMs)} ms of the leader's end; refused: ${[...reasons].join(', ')}`,
  )
})
