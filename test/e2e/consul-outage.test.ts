import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mesh } from '../../src/index.ts'
import { startCluster } from '../kit/consul/agent.ts'
import { intend } from '../kit/consul/intend.ts'
import { localMember } from '../kit/consul/members.ts'
import { rotateRoot } from '../kit/consul/rotate-root.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until } from '../kit/wait.ts'

/** Orders that were executed, by id, whichever instance it was. */
class Ledger {
  readonly #executed = new Map<string, number>()
  /** What became of an order as its caller knows it: a status, or the code of an error. */
  readonly outcomes = new Map<string, string>()

  async serve(t: Cleanup, env: Readonly<Record<string, string>>): Promise<Mesh> {
    const { mesh } = localMember(t, 'orders', { env, drainDelay: '500ms' })
    await mesh.serve(
      async (req, res) => {
        const id = String(req.headers['x-order'])
        this.#executed.set(id, (this.#executed.get(id) ?? 0) + 1)
        for await (const _ of req);
        await delay(5)
        res.end(id)
      },
      { host: '127.0.0.1', signals: false },
    )
    return mesh
  }

  async order(from: Mesh, id: string): Promise<string> {
    const outcome = await from
      .fetch('http://orders.mesh/orders', { method: 'POST', body: `order ${id}`, headers: { 'x-order': id } })
      .then(
        async (answer) => {
          const text = await answer.text()
          return answer.status === 200 && text !== id ? 'the answer of another' : `${answer.status}`
        },
        ({ code }) => String(code),
      )
    this.outcomes.set(id, outcome)
    return outcome
  }

  executions(id: string): number {
    return this.#executed.get(id) ?? 0
  }
}

/** Callers that order one after the other, until told to stop. */
function ordering(ledger: Ledger, from: Mesh, callers = 4): () => Promise<void> {
  let stopped = false
  const all = Array.from({ length: callers }, async (_, caller) => {
    for (let n = 0; !stopped; n++) {
      await ledger.order(from, `${caller}-${n}`)
      await delay(5)
    }
  })
  return async () => {
    stopped = true
    await Promise.all(all)
  }
}

test('POSTs while the leader dies, intentions flip, the root is rotated, instances change and the agent dies and returns: none is executed twice, none is answered that was not, none is lost', async (t) => {
  const cluster = await startCluster({ servers: 3 })
  t.after(() => cluster.stop())
  const agent = await cluster.join({ dataDir: true })
  const ledger = new Ledger()
  const [first] = await Promise.all([ledger.serve(t, agent.env), ledger.serve(t, agent.env)])
  const { mesh: web } = localMember(t, 'web', { env: agent.env })
  await web.start()
  const asked = (id: string, outcome: string) =>
    until(async () => (await ledger.order(web, `${id}-${performance.now()}`)) === outcome, {
      what: `${id}: ${outcome}`,
      withinMs: 15_000,
      seen: () => [...ledger.outcomes].slice(-3),
    })
  await asked('the first', '200')
  const stop = ordering(ledger, web)

  const leader = await cluster.leader()
  await leader.kill('SIGKILL')
  const next = await cluster.leader()
  assert.notEqual(next, leader)
  for (const action of ['deny', 'allow'] as const) {
    await intend(next, 'web', 'orders', action)
    await asked(action, action === 'deny' ? '403' : '200')
  }
  await rotateRoot(next)
  await Promise.all([first.close(), ledger.serve(t, agent.env)])
  await agent.kill('SIGKILL')
  await until(() => web.health().degraded.length > 0, { what: 'a word about it in health' })
  await delay(500)
  await agent.start()
  await until(() => web.health().degraded.length === 0, {
    what: 'the end of the complaints',
    withinMs: 20_000,
    seen: () => web.health().degraded,
  })
  await asked('the last', '200')
  await stop()

  const tally = new Map<string, number>()
  for (const [id, outcome] of ledger.outcomes) {
    const executed = ledger.executions(id)
    const line = `${outcome}, executed ${executed}`
    tally.set(line, (tally.get(line) ?? 0) + 1)
  }
  t.diagnostic([...tally].map(([line, count]) => `${count}: ${line}`).join('; '))
  assert.deepEqual([...tally.keys()].sort(), ['200, executed 1', '403, executed 0'])
  assert.ok((tally.get('200, executed 1') ?? 0) > 100)
})
