import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createMesh, type Mesh } from '../../src/index.ts'
import { TestCa } from '../kit/certificates.ts'
import { startAgent } from '../kit/consul/agent.ts'
import { intend } from '../kit/consul/intend.ts'
import { answered, answering, localMember } from '../kit/consul/members.ts'
import { folder } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

async function agentOf(t: Cleanup) {
  const agent = await startAgent()
  t.after(() => agent.stop())
  return agent
}

test('a listener that asks for TLS by itself is judged by intentions, whatever the mesh’s own mode', async (t) => {
  const agent = await agentOf(t)
  await intend(agent, 'web', 'orders', 'deny')
  const orders = localMember(t, 'orders', { env: { ...agent.env, TULLE_INBOUND_MTLS: 'disable' } })
  const reached: string[] = []
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    reached.push(req.url ?? '')
    res.end('in')
  }
  const strict = await orders.mesh.serve(handler, { mtls: 'strict', host: '127.0.0.1', signals: false })
  const open = await orders.mesh.serve(handler, { host: '127.0.0.1', signals: false })
  const web = localMember(t, 'web', {
    env: { ...agent.env, TULLE_ENDPOINTS: `orders=127.0.0.1:${strict.port}` },
  })
  await answering(web.mesh)
  const answer = await until(
    async () => {
      const { status } = await web.mesh.fetch('http://orders.mesh/secret')
      return status < 500 && status
    },
    { what: 'an answer' },
  )
  assert.equal(answer, 403)
  assert.deepEqual(reached, [])
  assert.equal((await fetch(`${open.url}/public`)).status, 200, 'the public door is for everybody')
})

const statusOf = async (mesh: Mesh): Promise<number> => (await mesh.fetch('http://orders.mesh/')).status

test('certificates from files beside addresses of Consul: its intentions judge by the identity in the file', async (t) => {
  const agent = await agentOf(t)
  const ca = TestCa.create({ trustDomain: 'files.test' })
  const place = folder(t)
  const bundle = join(place, 'ca.pem')
  writeFileSync(bundle, ca.rootPem)
  const member = (service: string) => {
    const svid = ca.issue({ service })
    const [cert, key] = [join(place, `${service}.pem`), join(place, `${service}.key`)]
    writeFileSync(cert, svid.chainPem.join(''))
    writeFileSync(key, svid.keyPem)
    return localMember(t, service, {
      env: {
        ...agent.env,
        TULLE_CERT_FILE: cert,
        TULLE_KEY_FILE: key,
        TULLE_TRUST_BUNDLE_FILE: bundle,
      },
    }).mesh
  }
  await answering(member('orders'))
  const [web, api] = [member('web'), member('api')]
  for (const mesh of [web, api])
    assert.match((await answered(mesh, 'http://orders.mesh/')).id ?? '', /files\.test/)
  assert.equal(web.health().identity?.trustDomain, 'files.test')
  await intend(agent, '*', 'orders', 'deny')
  await intend(agent, 'web', 'orders', 'allow')
  await until(async () => (await statusOf(api)) === 403, { what: 'a refusal' })
  await until(async () => (await statusOf(web)) === 200, { what: 'an answer' })
  await intend(agent, 'web', 'orders', 'deny')
  await until(async () => (await statusOf(web)) === 403, { what: 'a refusal' })
})

test('TULLE_MTLS=disable on Consul is plaintext both ways, says so, and is called by nobody who asks for identities', async (t) => {
  const agent = await agentOf(t)
  const plain = { ...agent.env, TULLE_MTLS: 'disable' }
  await intend(agent, '*', 'orders', 'deny')
  const orders = localMember(t, 'orders', { env: plain }).mesh
  await answering(orders)
  const web = localMember(t, 'web', { env: plain }).mesh
  const { from, id } = await answered(web, 'http://orders.mesh/')
  assert.deepEqual([from, id], [undefined, undefined])
  assert.equal(orders.health().identity, undefined)
  assert.equal(orders.health().consul?.intentions, undefined)
  assert.equal(orders.health().listeners[0]?.mtls, 'disable')
  await assert.rejects(
    orders.serve((_req, res) => res.end(), { mtls: 'strict', signals: false }),
    {
      code: 'TULLE_CONFIG',
    },
  )
  const strict = localMember(t, 'strict', { env: agent.env }).mesh
  await strict.start()
  await assert.rejects(strict.fetch('http://orders.mesh/'), ({ code }: { code?: string }) => {
    assert.match(code ?? '', /^TULLE_/)
    return true
  })
})

test('neither token nor key is in a log, in what the mesh shows of itself, or in an error, and what is kept is for its owner alone', async (t) => {
  const agent = await startAgent({ acl: 'deny' })
  t.after(() => agent.stop())
  const stateDir = folder(t)
  const shown: string[] = []
  const show = (...what: readonly unknown[]): void => {
    shown.push(inspect(what, { depth: 12, showHidden: true }))
  }
  const mesh = createMesh({
    service: 'orders',
    discovery: 'consul',
    stateDir,
    drainDelay: 0,
    log: 'debug',
    logger: { debug: show, info: show, warn: show, error: show },
    env: { ...agent.env, TULLE_INTENTIONS_DEFAULT: 'allow' },
  })
  t.after(() => mesh.close())
  await answering(mesh)
  await answered(mesh, 'http://orders.mesh/')
  show(mesh.health(), mesh.describe('orders'), mesh.describeInbound(), mesh)
  await agent.kill('SIGKILL')
  await until(() => mesh.health().degraded.length > 0, { what: 'a word about the agent in health' })
  show(mesh.health())
  await assert.rejects(mesh.fetch('http://nobody.mesh/'), (error) => show(error) === undefined)
  await mesh.close()
  const kept = readdirSync(stateDir)
  for (const name of kept) assert.equal(statSync(join(stateDir, name)).mode & 0o777, 0o600, name)
  const { key } = JSON.parse(readFileSync(join(stateDir, 'identity.json'), 'utf8')) as { key: string }
  const letters = key.split('\n')[1]!.slice(0, 20)
  const all = shown.join('\n')
  assert.ok(all.includes('orders') && shown.length > 5)
  assert.ok(agent.token !== undefined && !all.includes(agent.token))
  assert.ok(!all.includes(letters) && !all.includes('PRIVATE KEY'))
  for (const name of kept) assert.ok(!readFileSync(join(stateDir, name), 'utf8').includes(agent.token), name)
})
