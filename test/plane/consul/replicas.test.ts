import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Refusal } from '../../../src/plane.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import { until, within } from '../../kit/wait.ts'
import { clientOf, keysOf, largePolicy, policyOf, replica } from './stage.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

const orders = (timeout: string) => [{ name: 'orders.yaml', text: policyOf('orders', timeout) }]

test('replicas that start at one moment share one admin token; who has not made it says where it was shown', async (t) => {
  const store = 'consul:///together'
  const planes = await Promise.all(Array.from({ length: 4 }, () => replica(t, agent, { store })))
  const tokens = planes.flatMap(({ adminToken }) => adminToken ?? [])
  assert.equal(tokens.length, 1)
  for (const plane of planes) {
    assert.match(plane.adminTokenShown ?? '', /^standard output of the plane that made it, on \S+$/)
    const client = await clientOf(t, agent, plane)
    assert.equal((await client.ask('/v1/policy/versions', { token: tokens[0] })).status, 200)
  }
  const renewed = await replica(t, agent, { store, newAdminToken: true })
  const client = await clientOf(t, agent, planes[0]!)
  const status = async (token: string | undefined) =>
    (await client.ask('/v1/policy/versions', { token })).status
  await until(async () => (await status(renewed.adminToken)) === 200, {
    what: 'the others to take the new one',
  })
  assert.equal(await status(tokens[0]), 401)
  assert.deepEqual(await keysOf(agent, 'together'), ['access/admin-token'])
})

test('a policy pushed through either is in force on both, and wakes who waits there', async (t) => {
  const store = 'consul:///both'
  const planes = [await replica(t, agent, { store }), await replica(t, agent, { store })] as const
  const clients = await Promise.all(planes.map((plane) => clientOf(t, agent, plane, 'orders')))
  const latencies: number[] = []
  for (let push = 1; push <= 10; push++) {
    const { etag } = await clients[0]!.ask('/v1/policy')
    await until(async () => (await clients[1]!.ask('/v1/policy')).etag === etag, { what: 'both to be alike' })
    const waiting = clients.map((client) => client.ask('/v1/policy', { etag: etag!, wait: 20 }))
    const started = performance.now()
    await planes[push % 2]!.pushPolicy({ documents: orders(`${push}s`) })
    const pushed = performance.now()
    const answers = await within(Promise.all(waiting), 5000, 'the long polls to be answered')
    latencies.push(performance.now() - pushed)
    assert.ok(pushed - started < 2000)
    for (const { status, body } of answers)
      assert.deepEqual(
        [status, body.sequence, body.documents[0].text],
        [200, push, policyOf('orders', `${push}s`)],
      )
  }
  latencies.sort((a, b) => a - b)
  t.diagnostic(
    `pushed through one replica → answered by the other: median ${latencies[5]!.toFixed(1)} ms, most ${latencies.at(-1)!.toFixed(1)} ms`,
  )
  assert.ok(latencies.at(-1)! < 1000)
})

test('two concurrent writers never lose an update: every success is one version, and a conflict says who was first', async (t) => {
  const store = 'consul:///writers'
  const planes = await Promise.all([replica(t, agent, { store }), replica(t, agent, { store })])
  const tokens = planes.flatMap(({ adminToken }) => adminToken ?? [])
  const clients = await Promise.all(planes.map((plane) => clientOf(t, agent, plane)))
  let conflicts = 0
  const write = async (writer: number): Promise<number[]> => {
    const sequences: number[] = []
    for (let done = 0; done < 50; ) {
      const plane = clients[writer]!
      const { body: now } = await plane.ask('/v1/policy', { token: tokens[0] })
      // What both change is a counter: an update that is lost would be missing in it.
      const counted = Number(/timeout: (\d+)ms/.exec(now.documents[0]?.text ?? 'timeout: 0ms')?.[1])
      const documents = [{ name: 'counter.yaml', text: policyOf('counter', `${counted + 1}ms`) }]
      const body = { documents, expected: now.sequence, author: `writer ${writer}` }
      const answer = await plane.ask('/v1/policy', { method: 'POST', token: tokens[0], body })
      if (answer.status === 200) {
        assert.equal(answer.body.changed, true)
        sequences.push(answer.body.sequence)
        done++
        continue
      }
      conflicts++
      assert.deepEqual([answer.status, answer.body.error], [409, 'conflict'], JSON.stringify(answer.body))
      assert.match(
        answer.body.message,
        /^version \d+ by writer [01] is in force, (not \d+|and came at the same moment); nothing was changed$/,
      )
      assert.match(answer.body.hint, /tulle policy diff/)
    }
    return sequences
  }
  const [one = [], two = []] = await Promise.all([write(0), write(1)])
  assert.deepEqual(
    [...one, ...two].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  for (const client of clients) {
    await until(async () => (await client.ask('/v1/policy', { token: tokens[0] })).body.sequence === 100, {
      what: 'version 100',
    })
    const { body } = await client.ask('/v1/policy', { token: tokens[0] })
    assert.equal(body.documents[0].text, policyOf('counter', '100ms'))
    const { versions } = (await client.ask('/v1/policy/versions', { token: tokens[0] })).body
    assert.equal(versions.length, 100)
    for (const { sequence, author } of versions)
      assert.equal(author, one.includes(sequence) ? 'writer 0' : 'writer 1')
  }
  t.diagnostic(`100 versions by two writers, ${conflicts} conflicts`)
  assert.ok(conflicts > 0)
})

test('history, rollback and pruning hold across replicas', async (t) => {
  const store = 'consul:///history'
  const one = await replica(t, agent, { store, keepVersions: 5 })
  const two = await replica(t, agent, { store, keepVersions: 5 })
  for (let i = 1; i <= 8; i++) await (i % 2 ? one : two).pushPolicy({ documents: orders(`${i}s`) })
  assert.deepEqual(await two.rollbackPolicy(5), { sequence: 9, changed: true })
  assert.deepEqual(await one.rollbackPolicy(9), { sequence: 9, changed: false })
  await assert.rejects(one.rollbackPolicy(3), (error) => error instanceof Refusal && error.kind === 'unknown')
  const versions = (await keysOf(agent, 'history')).filter((key) => key.startsWith('policy/'))
  assert.deepEqual(
    versions.map((key) => Number(key.split('/').at(-1))),
    [5, 6, 7, 8, 9],
  )
  await assert.rejects(
    two.pushPolicy({ documents: orders('1s'), expected: 8 }),
    (error) => error instanceof Refusal && error.kind === 'conflict',
  )
})

test('a policy of megabytes goes through either replica whole', async (t) => {
  const store = 'consul:///large'
  const one = await replica(t, agent, { store, keepVersions: 2 })
  const two = await replica(t, agent, { store, keepVersions: 2 })
  const client = await clientOf(t, agent, two, 'orders')
  for (const timeout of ['1s', '2s', '3s', '4s']) {
    const documents = largePolicy(3_000_000, timeout)
    const { sequence } = await one.pushPolicy({ documents })
    const answer = await until(
      async () => {
        const { body } = await client.ask('/v1/policy')
        return body.sequence === sequence && body
      },
      { what: 'the other replica' },
    )
    assert.deepEqual(answer.documents, documents)
  }
  const parts = (await keysOf(agent, 'large')).filter((key) => key.startsWith('.parts/'))
  assert.deepEqual([...new Set(parts.map((key) => key.split('/')[3]))], ['000000000003', '000000000004'])
})
