/** What a real agent makes of our checks. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pulse } from '../../src/discovery/consul-pulse.ts'
import { TestCa } from '../kit/certificates.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { registrarOf, STRICT, told } from '../kit/consul/registered.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { servingIdentity } from '../kit/tls-inbound.ts'

let agent: Agent
before(async () => {
  agent = await startAgent()
})
after(() => agent.stop())

test('the agent is told after how long it may remove what was killed', async (t) => {
  await using other = await startAgent({ dataDir: true })
  const registrar = registrarOf(t, other, { service: 'kept', deregisterAfterMs: 90_000 })
  registrar.listen(STRICT)
  await told(other, 'kept', { 'kept-i1-4001': 'passing' })
  const folder = join(other.folder, 'data', 'checks')
  const written = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  const { ChkType } = written.find(({ Check }) => Check.CheckID === 'kept-i1-4001-alive')
  assert.deepEqual([ChkType.DeregisterCriticalServiceAfter / 1e9, ChkType.TTL / 1e9], [90, 1])
})

test('the agent asks the health port by itself, and believes what it hears', async (t) => {
  let status = 503
  const health = createServer((req, res) => {
    res.writeHead(req.url === '/readyz' ? status : 404).end()
  }).listen(0, '127.0.0.1')
  t.after(() => health.close())
  const registrar = registrarOf(t, agent, {
    service: 'asked',
    check: 'http',
    healthPort: () => (health.address() as AddressInfo | null)?.port,
  })
  registrar.listen(STRICT)
  await told(agent, 'asked', { 'asked-i1-4001': 'critical' }, 8000)
  status = 200
  await told(agent, 'asked', { 'asked-i1-4001': 'passing' }, 8000)
  assert.equal(registrar.status().state, 'registered')
})

test('it asks a permissive gRPC listener in plaintext; a strict one lets it in by no means', async (t) => {
  const ca = TestCa.create()
  const listening = async (inboundMtls: 'permissive' | 'strict') => {
    const { port } = await inboundGrpc(t, {
      identity: servingIdentity(ca),
      inboundMtls,
      serve: { health: [] },
    })
    return { host: '127.0.0.1', port, protocol: 'grpc', mtls: inboundMtls } as const
  }
  const permissive = await listening('permissive')
  const health = (): Pulse => ({ status: 'critical', output: 'not asked yet' })
  registrarOf(t, agent, { service: 'rpc', check: 'grpc', health }).listen(permissive)
  const { port } = await listening('strict')
  const foreign = { GRPC: `127.0.0.1:${port}`, Interval: '1s', GRPCUseTLS: true, TLSSkipVerify: true }
  const Check = { CheckID: 'locked-out', ...foreign, Status: 'passing' }
  const native = { Connect: { Native: true } }
  await agent.api('PUT', '/v1/agent/service/register', { Name: 'locked', ID: 'locked', ...native, Check })
  await told(agent, 'locked', { locked: 'critical' })
  await told(agent, 'rpc', { [`rpc-i1-${permissive.port}`]: 'passing' }, 8000)
})
