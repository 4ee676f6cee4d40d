import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { processWorld } from '../../../src/cli/process-world.ts'
import { HttpConsulLink } from '../../../src/control/consul-link.ts'
import { ConsulKv } from '../../../src/plane/consul/kv.ts'
import { PARTS } from '../../../src/plane/consul/parts.ts'
import { sweep } from '../../../src/plane/consul/sweep.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { tulle } from '../../kit/command.ts'
import { type Agent, startAgent } from '../../kit/consul/agent.ts'
import { startFaultProxy } from '../../kit/fault-proxy.ts'
import { type Cleanup, siblingOf, startProcess, type TestProcess } from '../../kit/process.ts'
import { until } from '../../kit/wait.ts'
import { clientOf, keysOf, largePolicy, policyOf, replica, silent } from './stage.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

const READY = /^the plane listens on (\S+), its state is in (\S+)$/m

/** `tulle plane --store …` as a program of its own. */
const startPlane = (t: Cleanup, store: string, address = agent.address): Promise<TestProcess> =>
  startProcess(t, siblingOf(import.meta.url, '../../../src/cli/main'), {
    args: ['plane', '--store', store, '--port', '0', '--host', '127.0.0.1'],
    env: { CONSUL_HTTP_ADDR: address },
    ready: READY,
  })

function folder(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), 'tulle-push-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('two processes are one plane to tulle policy: what is pushed through either the other has', async (t) => {
  const one = await startPlane(t, 'consul:///cli')
  const two = await startPlane(t, 'consul:///cli')
  const [, token = ''] = /^TULLE_ADMIN_TOKEN=(\S+)$/m.exec(one.stdout) ?? []
  assert.match(
    two.stdout,
    /^the admin token was shown before: standard output of the plane that made it, on \S+$/m,
  )
  const world = { ...processWorld, env: { TULLE_ADMIN_TOKEN: token } }
  const [first = '', second = ''] = [one.ready[1], two.ready[1]]
  const ask = (plane: string, ...args: string[]) => tulle(world, ...args, '--plane', plane)
  const file = join(folder(t), 'orders.yaml')
  const push = (plane: string, timeout: string, ...more: string[]) => {
    writeFileSync(file, policyOf('orders', timeout))
    return ask(plane, 'policy', 'push', file, '-m', timeout, ...more)
  }
  assert.equal((await push(first, '1s')).out, 'version 1: 1 document pushed, 0 deleted\n')
  assert.equal((await push(second, '2s', '--expected', '1')).out, 'version 2: 1 document pushed, 0 deleted\n')
  const conflict = await push(first, '3s', '--expected', '1')
  assert.equal(conflict.code, 1)
  assert.match(conflict.err, /version 2 by .* is in force, not 1; nothing was changed/)
  assert.match((await ask(first, 'policy', 'rollback', '1', '-m', 'back')).out, /version 3/)
  const { out } = await ask(second, 'policy', 'history', '--json')
  assert.deepEqual(
    (JSON.parse(out) as { sequence: number; message: string }[]).map(({ sequence, message }) => [
      sequence,
      message,
    ]),
    [
      [3, 'back'],
      [2, '2s'],
      [1, '1s'],
    ],
  )
  assert.equal((await ask(second, 'policy', 'status')).code, 0)
  const refused = await ask(second, 'token', 'create', 'orders')
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /this plane keeps its state in Consul: .*no join tokens.*\n.*TULLE_DISCOVERY=consul/,
  )
  await one.kill('SIGTERM')
  assert.match(one.stderr, /SIGTERM: the plane is closing/)
  assert.match((await push(second, '4s')).out, /version 4/)
})

test('a replica that is killed in the middle of a push has changed nothing, and what it left is swept', async (t) => {
  const proxy = await startFaultProxy(agent.address.replace('http://', ''))
  t.after(() => proxy.close())
  const other = await replica(t, agent, { store: 'consul:///killed' })
  await other.pushPolicy({ documents: [{ name: 'orders.yaml', text: policyOf('orders', '1s') }] })
  const killed = await startPlane(t, 'consul:///killed', `http://${proxy.address}`)
  // Each connection carries a part, and the next no more.
  proxy.plan({ faults: [{ direction: 'request', turn: 'whole', byte: 400_000, action: 'silence' }] })
  proxy.drop()
  const client = await clientOf(t, agent, { url: killed.ready[1]! })
  const body = { documents: largePolicy(4_000_000), author: 'ann' }
  const pushing = client
    .ask('/v1/policy', { method: 'POST', token: other.adminToken, body })
    .catch((error: Error) => error)
  const left = await until(
    async () => {
      const parts = (await keysOf(agent, 'killed')).filter((key) => key.startsWith(PARTS))
      return parts.length > 2 && parts
    },
    { what: 'some parts of the push' },
  )
  await killed.kill('SIGKILL')
  assert.ok((await pushing) instanceof Error)
  assert.ok(left.every((key) => key.startsWith('.parts/policy/versions/000000000002/')))
  assert.deepEqual(
    await other.pushPolicy({
      documents: [{ name: 'orders.yaml', text: policyOf('orders', '2s') }],
      expected: 1,
    }),
    { sequence: 2, changed: true },
  )
  const link = new HttpConsulLink({
    address: agent.address,
    clock: systemClock,
    random: Math.random,
    log: silent,
  })
  t.after(() => link.close())
  const kv = new ConsulKv({ link, prefix: 'killed', clock: systemClock, random: Math.random })
  assert.equal(await sweep(kv, Date.now), 0)
  assert.equal(await sweep(kv, () => Date.now() + 2 * 3_600_000), 1)
  assert.deepEqual(await keysOf(agent, 'killed'), [
    'access/admin-token',
    'policy/versions/000000000001',
    'policy/versions/000000000002',
  ])
})
