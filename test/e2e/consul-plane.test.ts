import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { processWorld } from '../../src/cli/process-world.ts'
import { tulle } from '../kit/command.ts'
import { startAgent } from '../kit/consul/agent.ts'
import { answers, calling, load } from '../kit/consul/members.ts'
import { folder, type MemberProgram, startMember } from '../kit/member.ts'
import { type Cleanup, siblingOf, startProcess, type TestProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

/** `tulle plane --store consul://…` as a program of its own. */
const replica = (t: Cleanup, env: Readonly<Record<string, string>>): Promise<TestProcess> =>
  startProcess(t, siblingOf(import.meta.url, '../../src/cli/main'), {
    args: ['plane', '--store', 'consul:///tulle', '--port', '0', '--host', '127.0.0.1'],
    env,
    ready: /^the plane listens on (\S+), its state is in (\S+)$/m,
  })

const urlOf = ({ ready }: TestProcess): string => ready[1] as string

/** `shop` is nothing but a name that policy gives to another service: whoever answers it tells which policy is in force. */
async function push(t: Cleanup, plane: TestProcess, token: string, service: string): Promise<void> {
  const file = join(folder(t), 'shop.json')
  writeFileSync(file, JSON.stringify({ version: 1, services: { shop: { lookup: { service } } } }))
  const world = { ...processWorld, env: { TULLE_ADMIN_TOKEN: token } }
  const { code, err } = await tulle(world, 'policy', 'push', file, '-m', service, '--plane', urlOf(plane))
  assert.equal(code, 0, err)
}

async function answeredBy(from: MemberProgram, { process: { pid } }: MemberProgram): Promise<void> {
  let last: unknown
  await until(
    async () => {
      last = await from.fetch('http://shop.mesh/')
      const { text = '{}' } = last as { text?: string }
      return JSON.parse(text).pid === pid
    },
    { what: `an answer of ${pid}`, withinMs: 15_000, seen: () => last },
  )
}

test('the policy of planes on Consul, identity and addresses of Consul: a replica that dies costs no call and no push, and without any all goes on', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const [one, two] = await Promise.all([replica(t, agent.env), replica(t, agent.env)])
  const token = [one, two].map(({ stdout }) => /^TULLE_ADMIN_TOKEN=(\S+)$/m.exec(stdout)?.[1]).find(Boolean)
  assert.ok(token !== undefined)
  const stateDir = folder(t)
  const member = (service: string, dir = folder(t)): Promise<MemberProgram> =>
    startMember(t, {
      service,
      stateDir: dir,
      env: {
        ...agent.env,
        TULLE_DISCOVERY: 'consul',
        TULLE_PLANE_URL: `${urlOf(one)},${urlOf(two)}`,
      },
    })
  const [orders, stock, web] = await Promise.all([member('orders'), member('stock'), member('web', stateDir)])
  await answers(web, 'http://orders.mesh/')
  assert.equal((await web.fetch('http://shop.mesh/')).code, 'TULLE_UNKNOWN_SERVICE')

  await push(t, one, token, 'orders')
  await answeredBy(web, orders)
  const { plane, consul, identity, services } = await web.health()
  assert.deepEqual(
    [plane?.policy?.source, plane?.endpoints, plane?.registration],
    ['plane', undefined, undefined],
  )
  assert.deepEqual(
    [consul?.policy, consul?.endpoints?.source, consul?.registration?.state],
    [undefined, 'consul', 'registered'],
  )
  assert.equal(identity?.from, 'consul')
  assert.ok(services.some(({ service }) => service === 'shop'))

  let begun = 0
  const call = calling(web, 'http://shop.mesh/')
  const calls = load(
    () => {
      begun += 1
      return call()
    },
    { callers: 2 },
  )
  one.kill('SIGKILL')
  await one.exited
  await push(t, two, token, 'stock')
  await answeredBy(web, stock)
  two.kill('SIGKILL')
  await two.exited
  await until(async () => (await web.health()).degraded.some((what) => what.startsWith('policy ')), {
    what: 'that no plane is there',
    withinMs: 20_000,
    seen: () => web.health(),
  })
  const before = begun
  await until(() => begun > before + 20, { what: 'calls without a plane' })
  assert.deepEqual((await calls.stop()).failed, [])

  web.process.kill('SIGTERM')
  assert.equal((await web.process.exited).code, 0)
  const again = await member('web', stateDir)
  await answeredBy(again, stock)
  assert.equal((await again.health()).plane?.policy?.source, 'kept')
})
