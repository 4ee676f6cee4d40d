import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { type HasRuntime, RUNTIME } from '../../src/core/runtime.ts'
import type { MeshIdentity } from '../../src/identity/mesh-identity.ts'
import { createMesh } from '../../src/index.ts'
import { type Plane, startPlane } from '../../src/plane.ts'
import { type FaultProxy, startFaultProxy } from '../kit/fault-proxy.ts'
import { patient } from '../kit/member.ts'
import { join, rootsOf } from '../kit/plane-client.ts'
import type { Cleanup } from '../kit/process.ts'
import { get } from '../kit/raw-http.ts'
import { talk } from '../kit/tls-inbound.ts'
import { delay, until } from '../kit/wait.ts'

/** More than it takes until the last has heard, on a machine that does other things too. */
const LIFETIME_MS = 20_000
const silent = { debug() {}, info() {}, warn() {}, error() {} }

interface Member {
  readonly mesh: ReturnType<typeof createMesh>
  /** Its way to the plane. */
  readonly way: FaultProxy
  readonly identity: MeshIdentity
}

async function member(t: Cleanup, plane: Plane, service: string): Promise<Member> {
  const way = await startFaultProxy(`127.0.0.1:${plane.port}`)
  const mesh = createMesh({
    service,
    plane: `https://${way.address}`,
    joinToken: plane.createToken(service),
    log: 'silent',
    drainDelay: 0,
    env: {},
  })
  t.after(async () => {
    await mesh.close()
    await way.close()
  })
  // A handshake for each call.
  const answer = { connection: 'close' }
  await mesh.serve((req, res) => res.writeHead(200, answer).end(req.mesh?.peer.service), {
    signals: false,
    host: '127.0.0.1',
  })
  return { mesh, way, identity: (mesh as unknown as HasRuntime)[RUNTIME].identity as MeshIdentity }
}

async function everybodyCalls(members: readonly Member[], moment: string): Promise<void> {
  const pairs = members.flatMap((from) =>
    members.filter((to) => to !== from).map((to) => [from, to] as const),
  )
  for (const [from, to] of pairs) {
    const answer = await from.mesh
      .fetch(`http://${to.mesh.service}.mesh/`, { mesh: { retry: false } })
      .catch((error) => assert.fail(`${from.mesh.service} to ${to.mesh.service}, ${moment}: ${error}`))
    assert.deepEqual([answer.status, await answer.text()], [200, from.mesh.service], moment)
  }
}

async function found(members: readonly Member[]): Promise<void> {
  await until(
    () =>
      everybodyCalls(members, 'at first').then(
        () => true,
        () => false,
      ),
    { what: 'all to be found', withinMs: 15_000 },
  )
}

const membersOf = (t: Cleanup, plane: Plane, ...services: string[]): Promise<Member[]> =>
  Promise.all(services.map((service) => member(t, plane, service)))

const ORDERS = ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']

test('FAULTS 38: the CA is rotated and retired, and no call fails, in whatever order members hear of it', async (t) => {
  const stages: { order: string; plane: Plane; members: Member[] }[] = []
  for (const order of ORDERS) {
    const plane = await startPlane({ svidTtlMs: LIFETIME_MS, logger: silent })
    t.after(() => plane.close())
    await patient(plane, 'a', 'b', 'c')
    stages.push({ order, plane, members: await membersOf(t, plane, 'a', 'b', 'c') })
  }
  await Promise.all(
    stages.map(async ({ order, plane, members }) => {
      await found(members)
      for (const { way } of members) await way.refuse()
      await plane.rotate()
      await everybodyCalls(members, `${order}: nobody has heard`)
      for (const name of order) {
        const { way, identity } = members['abc'.indexOf(name)]!
        await way.restore()
        await until(() => identity.roots?.length === 2, {
          what: `${name} to believe both roots`,
          withinMs: 10_000,
        })
        await everybodyCalls(members, `${order}: ${name} has heard`)
      }
      const retired = () =>
        plane.retire().then(
          () => true,
          () => false,
        )
      let rounds = 0
      while (!(await retired())) {
        await everybodyCalls(members, `${order}: leaves are being renewed`)
        rounds++
        await delay(1000)
      }
      assert.ok(rounds > 0, 'it is refused while leaves of the old root may live')
      while (members.some(({ identity }) => identity.roots?.length !== 1))
        await everybodyCalls(members, `${order}: the old root goes`)
      await everybodyCalls(members, `${order}: the old root is gone`)
    }),
  )
})

test('FAULTS 39, 44: once the old root is gone nothing it signed is accepted, in either role, open or new, resumed or not', async (t) => {
  const plane = await startPlane({ logger: silent })
  t.after(() => plane.close())
  await patient(plane, 'orders', 'web')
  const [orders, web] = (await membersOf(t, plane, 'orders', 'web')) as [Member, Member]
  const old = await join(t, plane, 'old')
  const oldServer = await join(t, plane, 'web')
  const [listener] = orders.mesh.health().listeners
  const oldRoots = rootsOf(plane)
  const asOld = { host: '127.0.0.1', ...old, ca: oldRoots, checkServerIdentity: () => undefined }
  const before = await talk(listener!.port, asOld, get('/'))
  assert.match(before.text, /200/)
  const open = connect({ ...asOld, port: listener!.port })
  open.on('error', () => {})
  await once(open, 'secureConnect')
  open.write(get('/').replace('connection: close', 'connection: keep-alive'))
  let closed = false
  open.resume().once('close', () => {
    closed = true
  })
  await found([orders, web])

  let heard = 0
  const impostor = createServer({ ...oldServer, ca: oldRoots, requestCert: true }, (socket: TLSSocket) =>
    socket.on('error', () => {}).on('data', () => heard++),
  ).listen(0, '127.0.0.1')
  await once(impostor, 'listening')
  t.after(() => impostor.close())

  await plane.rotate()
  await until(() => orders.identity.roots?.length === 2, { what: 'both roots' })
  assert.match((await talk(listener!.port, { ...asOld, session: before.session! }, get('/'))).text, /200/)
  const began = performance.now()
  await plane.retire({ force: true })
  await until(() => [orders, web].every(({ identity }) => identity.roots?.length === 1), { what: 'one root' })
  await until(() => closed, { what: 'the end of what was open' })
  const endedMs = performance.now() - began
  for (const session of [undefined, before.session])
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const ca = rootsOf(plane)
      const said = await talk(
        listener!.port,
        { ...asOld, ca, maxVersion, ...(session && { session }) },
        get('/'),
      )
      assert.equal(said.text, '')
    }
  await found([orders, web])
  const healedMs = performance.now() - began

  const { port } = impostor.address() as { port: number }
  const caller = createMesh({
    service: 'caller',
    joinToken: plane.createToken('caller'),
    endpoints: { web: [`127.0.0.1:${port}`] },
    log: 'silent',
    env: {},
  })
  t.after(() => caller.close())
  await caller.start()
  await assert.rejects(caller.fetch('http://web.mesh/secret', { method: 'POST', body: 'x' }), {
    code: 'TULLE_PEER',
  })
  assert.equal(heard, 0)
  t.diagnostic(
    `the open connection ended ${endedMs.toFixed(0)} ms after retire --force, members met again after ${healedMs.toFixed(0)} ms`,
  )
})
