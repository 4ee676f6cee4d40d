import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { Fleet } from '../kit/grpc/fleet.ts'
import { callerOf, NAMES, roll, WELL } from '../kit/grpc/roll.ts'
import { TWICE } from '../kit/grpc/setting.ts'
import { folder, held } from '../kit/member.ts'
import { until } from '../kit/wait.ts'

test('FAULTS 62: ten restarts by SIGTERM under load, strict and by the registry of a plane, lose no call that may be repeated', async (t) => {
  const plane = await startPlane({ logger: { debug() {}, info() {}, warn() {}, error() {} } })
  t.after(() => plane.close())
  const policy = { version: 1, services: { pricing: { connect: { timeout: '5s' }, routes: [TWICE] } } }
  await plane.pushPolicy({ documents: [{ name: 'mesh.json', text: JSON.stringify(policy) }] })
  const fleet = new Fleet(t)
  const start = (name: string, port = 0) =>
    fleet.start({
      name,
      port,
      behaviour: WELL,
      env: { TULLE_JOIN_TOKEN: plane.createToken('pricing'), TULLE_DRAIN_DELAY: '300ms' },
    })
  const members = await Promise.all(NAMES.map((name) => start(name)))
  const web = createMesh({
    service: 'web',
    joinToken: plane.createToken('web'),
    stateDir: folder(t),
    log: 'error',
    env: {},
  })
  t.after(() => web.close())
  await web.start()
  const reads = callerOf(t, web, 'pricing', true)
  await until(async () => (await reads.ask({ timeoutMs: 2000 })).code === 0, {
    what: 'the first answer',
    withinMs: 10_000,
  })
  await until(() => web.describe('pricing').endpoints.length === 3, {
    what: 'the caller to know all three',
    withinMs: 15_000,
  })
  reads.seen.length = 0
  await roll(t, fleet, members, { reads }, async ({ name, port }) => {
    await until(() => held(plane, 'pricing')[`127.0.0.1:${port}`] === undefined, {
      what: 'it to be out of the registry',
      withinMs: 15_000,
    })
    const back = await start(name, port)
    await until(() => Object.keys(held(plane, 'pricing')).length === 3, {
      what: 'all three to be registered',
      withinMs: 15_000,
    })
    return back
  })
})
