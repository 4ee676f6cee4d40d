import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startConsulPlane } from '../src/consul-plane.ts'
import { isMeshError } from '../src/core/errors.ts'
import { readToken } from '../src/core/plane-wire.ts'
import { type Agent, startAgent } from './kit/consul/agent.ts'
import type { Cleanup } from './kit/process.ts'
import { clientOf, policyOf, replica, silent } from './plane/consul/stage.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

const documents = [{ name: 'orders.yaml', text: policyOf('orders', '1s') }]

function folder(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'tulle-consul-plane-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('with a directory the admin token is in a file of it, and says where the planes are and whose they are', async (t) => {
  const dir = join(folder(t), 'made')
  const advertise = ['plane-1.test', 'plane-2.test']
  const plane = await replica(t, agent, { store: 'consul:///filed', dir, advertise })
  const file = join(dir, 'admin-token')
  assert.deepEqual([plane.adminTokenFile, statSync(dir).mode & 0o777], [file, 0o700])
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(readFileSync(file, 'utf8'), `${plane.adminToken}\n`)
  const urls = advertise.map((name) => `https://${name}:${plane.port}`)
  assert.deepEqual(plane.urls, urls)
  const { rootSha256, trustDomain } = plane
  assert.match(trustDomain, /^[0-9a-f-]{36}\.consul$/)
  const told = readToken(plane.adminToken ?? '')
  assert.deepEqual([told?.urls, told?.rootSha256, told?.trustDomain], [urls, rootSha256, trustDomain])
})

test('a replica that starts later makes no token, and keeps no file of one', async (t) => {
  const store = 'consul:///later'
  const first = await replica(t, agent, { store, dir: folder(t) })
  const dir = folder(t)
  const second = await replica(t, agent, { store, dir })
  assert.deepEqual([second.adminToken, second.adminTokenFile], [undefined, undefined])
  assert.match(second.adminTokenShown ?? '', new RegExp(`^${first.adminTokenFile}, on `))
  assert.equal(existsSync(join(dir, 'admin-token')), false)
})

test('what the program itself does goes into the audit log: a file where there is a directory, else lines of the log', async (t) => {
  const dir = folder(t)
  const filed = await replica(t, agent, { store: 'consul:///audited', dir })
  await filed.pushPolicy({ documents })
  assert.match(readFileSync(join(dir, 'audit.log'), 'utf8'), /"caller":"embedded".*"route":"pushPolicy"/)
  const lines: object[] = []
  const logger = { ...silent, warn: (_: string, fields?: object) => void lines.push(fields ?? {}) }
  const logged = await replica(t, agent, { store: 'consul:///audited', logger })
  await logged.rollbackPolicy(1)
  const [{ caller, route } = {}] = lines as { caller?: string; route?: string }[]
  assert.deepEqual([caller, route], ['embedded', 'rollbackPolicy 1'])
})

test('a plane is closed once, its polls are answered, and its directory is another’s', async (t) => {
  const dir = folder(t)
  const options = { store: 'consul:///closed', dir }
  const plane = await replica(t, agent, options)
  const client = await clientOf(t, agent, plane, 'orders')
  const { etag } = await client.ask('/v1/policy')
  const waiting = client.ask('/v1/policy', { etag: etag as string, wait: 30 })
  await client.ask('/v1/info')
  await assert.rejects(replica(t, agent, options), /the state directory .* is in use by process/)
  await Promise.all([plane.close(), plane[Symbol.asyncDispose](), plane.close()])
  assert.equal((await waiting).status, 304)
  await replica(t, agent, options)
})

test('a port that is taken is said, and nothing stays open', async (t) => {
  const { port } = await replica(t, agent, { store: 'consul:///port' })
  const dir = folder(t)
  const again = startConsulPlane({
    store: 'consul:///port',
    agent: { address: agent.address },
    port,
    host: '127.0.0.1',
    dir,
    logger: silent,
  })
  await assert.rejects(again, (error) => {
    assert.ok(isMeshError(error) && error.code === 'TULLE_START', String(error))
    assert.match(error.message, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`))
    return true
  })
  await replica(t, agent, { store: 'consul:///port', dir })
})
