import assert from 'node:assert/strict'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { client, serve } from '../../src/grpc/index.ts'
import { createMesh, type MeshOptions } from '../../src/index.ts'
import { type Agent, startAgent } from '../kit/consul/agent.ts'
import { intend, unintend } from '../kit/consul/intend.ts'
import { closing, observe, quote } from '../kit/grpc/observe.ts'
import { PRICING, Pricing } from '../kit/grpc/pricing.ts'
import { pricingGrpc } from '../kit/grpc/pricing-server.ts'
import { type Behave, PricingService } from '../kit/grpc/pricing-service.ts'
import { folder } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const SOON = { withinMs: 1000 }

async function agentOf(t: Cleanup, options: Parameters<typeof startAgent>[0] = {}): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  return agent
}

function member(t: Cleanup, agent: Agent, service: string, more: Partial<MeshOptions> = {}) {
  const mesh = createMesh({
    service,
    discovery: 'consul',
    stateDir: folder(t),
    log: 'silent',
    drainDelay: 0,
    ...more,
    env: { ...agent.env, ...more.env },
  })
  t.after(() => mesh.close())
  return mesh
}

/** A service that counts what reaches its handler. */
async function orders(t: Cleanup, agent: Agent, more: Partial<MeshOptions> = {}) {
  const mesh = member(t, agent, 'orders', more)
  const reached: string[] = []
  const serving = await mesh.serve(
    (req, res) => {
      reached.push(`${req.method} ${req.url}`)
      res.end(req.mesh?.peer.service)
    },
    { host: '127.0.0.1', signals: false },
  )
  return { mesh, reached, serving }
}

async function pricing(t: Cleanup, agent: Agent, behaviour: Behave = {}) {
  const mesh = member(t, agent, 'pricing')
  const service = new PricingService(behaviour)
  t.after(() => service.close())
  await serve(mesh, pricingGrpc(service), { signals: false, host: '127.0.0.1' })
  return { mesh, service }
}

test('a change of an intention decides on the next request over HTTP, and the handler sees none that is denied', async (t) => {
  const agent = await agentOf(t)
  const { mesh, reached } = await orders(t, agent)
  const web = member(t, agent, 'web')
  const cron = member(t, agent, 'cron')
  const call = async (from = web, method = 'GET') =>
    (await from.fetch('http://orders.mesh/a', { method })).status
  await Promise.all([web.start(), cron.start()])
  await until(
    () =>
      call().then(
        (code) => code === 200,
        () => false,
      ),
    { what: 'an answer' },
  )
  const took: number[] = []
  for (const action of ['deny', 'allow', 'deny'] as const) {
    const wanted = action === 'deny' ? 403 : 200
    await intend(agent, 'web', 'orders', action)
    const from = performance.now()
    await until(async () => (await call()) === wanted, { what: action, ...SOON })
    took.push(performance.now() - from)
  }
  t.diagnostic(
    `from Consul's answer to the first request judged anew: ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`,
  )
  const before = reached.length
  for (const method of ['GET', 'POST', 'HEAD', 'DELETE']) assert.equal(await call(web, method), 403)
  assert.equal(reached.length, before)
  assert.equal(await call(cron), 200)
  const answer = await web.fetch('http://orders.mesh/a')
  const body = (await answer.json()) as Record<string, string>
  assert.deepEqual([body.code, body.layer], ['TULLE_DENIED', 'authorize'])
  assert.doesNotMatch(JSON.stringify(body), /intention (?:web|\*)|default/)
  const shown = mesh.describeInbound().map(({ role }) => role)
  assert.deepEqual(shown, ['gate', 'trace', 'meter', 'authorize', 'deadline', 'leaf'])
  assert.equal(mesh.health().consul?.intentions?.intentions, 1)
  assert.equal(mesh.health().consul?.intentions?.fallback, 'allow: ACLs are off')

  await intend(agent, 'web', '*', 'allow')
  await intend(agent, '*', 'orders', 'deny')
  await until(async () => (await call(cron)) === 403, { what: 'the wildcard', ...SOON })
  await unintend(agent, 'web', 'orders')
  await until(async () => (await call(cron)) === 403 && (await call()) === 403, { what: '*/orders', ...SOON })
  await unintend(agent, '*', 'orders')
  await until(async () => (await call(cron)) === 200 && (await call()) === 200, { what: 'web/*', ...SOON })
})

test('over gRPC as well; a stream that was let in goes on, the next is refused', async (t) => {
  const agent = await agentOf(t)
  const { service } = await pricing(t, agent, { everyMs: 5, after: 1, stall: true })
  const web = member(t, agent, 'web')
  const stub = closing(t, client(web, Pricing, 'pricing'))
  await web.start()
  const code = async () => (await observe(stub, 'quote')).error?.code ?? status.OK
  await until(async () => (await code()) === status.OK, { what: 'an answer' })
  const stream = stub.watch({ count: 3 })
  const read: unknown[] = []
  let over = false
  stream.on('data', (answer: unknown) => read.push(answer))
  stream.on('error', () => {
    over = true
  })
  await until(() => read.length > 0, { what: 'the stream' })
  await intend(agent, 'web', 'pricing', 'deny')
  await until(async () => (await code()) === status.PERMISSION_DENIED, { what: 'a refusal', ...SOON })
  const times = service.ledger.executions.length
  // More than any run of failures that would eject the endpoint or open the breaker.
  for (let n = 0; n < 30; n++) assert.equal(await code(), status.PERMISSION_DENIED)
  const denied = await observe(stub, 'watch')
  assert.equal(denied.error?.code, status.PERMISSION_DENIED)
  assert.match(denied.error?.details ?? '', /^TULLE_DENIED \(authorize\): This caller may not do this here/)
  assert.equal(service.ledger.executions.length, times)
  assert.equal(over, false)
  stream.cancel()
  await intend(agent, 'web', 'pricing', 'allow')
  await until(async () => (await code()) === status.OK, { what: 'an answer again', ...SOON })
})

test('with ACLs that deny, nobody may do anything until an intention says so', async (t) => {
  const agent = await agentOf(t, { acl: 'deny' })
  const { mesh, reached } = await orders(t, agent)
  const web = member(t, agent, 'web')
  const code = () =>
    web.fetch('http://orders.mesh/').then(
      ({ status }) => status,
      () => 0,
    )
  await web.start()
  await until(async () => (await code()) === 403, { what: 'a refusal' })
  assert.deepEqual(reached, [])
  assert.equal(mesh.health().consul?.intentions?.fallback, 'deny: the ACL default policy is deny')
  await intend(agent, 'web', 'orders', 'allow')
  await until(async () => (await code()) === 200, { what: 'the intention', ...SOON })
  await unintend(agent, 'web', 'orders')
  await until(async () => (await code()) === 403, { what: 'its end', ...SOON })
})

test('FAULTS 20, 21: intentions are enforced while the agent is away, and after a restart without it', async (t) => {
  const agent = await agentOf(t, { dataDir: true })
  await intend(agent, 'cron', 'orders', 'deny')
  const stateDir = folder(t)
  const stateKeys = true
  const first = await orders(t, agent, { stateDir, stateKeys })
  const web = member(t, agent, 'web')
  const cron = member(t, agent, 'cron')
  await Promise.all([web.start(), cron.start()])
  const both = async () => {
    const codes = await Promise.all(
      [web, cron].map((from) =>
        from.fetch('http://orders.mesh/').then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    )
    return codes.join()
  }
  await until(async () => (await both()) === '200,403', { what: 'both verdicts' })
  await agent.kill()
  await until(() => first.mesh.health().degraded.some((why) => why.startsWith('intentions')), {
    what: 'a word about it in health',
    withinMs: 5000,
  })
  assert.equal(await both(), '200,403')
  const { port } = first.serving
  await first.mesh.close()
  const again = member(t, agent, 'orders', { stateDir, stateKeys })
  await again.serve((_req, res) => res.end(), { host: '127.0.0.1', port, signals: false })
  assert.equal(again.health().consul?.intentions?.source, 'kept')
  await until(async () => (await both()) === '200,403', { what: 'both verdicts again', withinMs: 15_000 })
})

/** The agent with `Permissions` in its answers, which 1.8 has not: everything else is passed on as it is. */
async function withPermissions(
  t: Cleanup,
  agent: Agent,
  permissions: () => readonly object[],
): Promise<string> {
  const target = new URL(agent.address)
  const server = createServer((req, res) => {
    const up = forward(
      { host: target.hostname, port: target.port, method: req.method, path: req.url, headers: req.headers },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => {
          let body = Buffer.concat(chunks)
          if (req.url?.startsWith('/v1/connect/intentions/match')) {
            const said = JSON.parse(body.toString()) as Record<string, object[] | null>
            for (const list of Object.values(said))
              for (const item of list ?? []) Object.assign(item, { Action: '', Permissions: permissions() })
            body = Buffer.from(JSON.stringify(said))
          }
          const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers
          res.writeHead(answer.statusCode ?? 500, headers)
          res.end(body)
        })
      },
    )
    up.on('error', () => res.destroy())
    req.pipe(up)
    res.on('close', () => up.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('permissions by path, method and header decide on each request, over HTTP and gRPC', async (t) => {
  const agent = await agentOf(t, { acl: 'deny' })
  const permissions = [
    {
      Action: 'deny',
      HTTP: { PathPrefix: '/admin', Header: [{ Name: 'x-team', Exact: 'core', Invert: true }] },
    },
    { Action: 'allow', HTTP: { PathPrefix: '/', Methods: ['GET'] } },
    { Action: 'allow', HTTP: { PathExact: `/${PRICING}/Quote` } },
  ]
  for (const name of ['orders', 'pricing']) await intend(agent, 'web', name, 'allow')
  const CONSUL_HTTP_ADDR = await withPermissions(t, agent, () => permissions)
  const front = { env: { CONSUL_HTTP_ADDR } }
  const { reached } = await orders(t, agent, front)
  const mesh = member(t, agent, 'pricing', front)
  const service = new PricingService()
  t.after(() => service.close())
  await serve(mesh, pricingGrpc(service), { signals: false, host: '127.0.0.1' })
  const web = member(t, agent, 'web')
  await web.start()
  const code = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
    web.fetch(`http://orders.mesh${path}`, { method, headers }).then(
      ({ status }) => status,
      () => 0,
    )
  await until(async () => (await code('/items?x=/admin')) === 200, { what: 'an answer' })
  assert.equal(await code('/items', 'POST'), 403)
  for (const path of ['/admin', '/admin/users', '//admin', '/%61dmin'])
    assert.equal(await code(path), 403, path)
  assert.equal(await code('/admin', 'GET', { 'x-team': 'core' }), 200)
  assert.equal(await code('/admin', 'GET', { 'x-team': 'other' }), 403)
  assert.ok(reached.every((line) => line.startsWith('GET ')))
  const stub = closing(t, client(web, Pricing, 'pricing'))
  await until(
    () =>
      quote(stub).then(
        () => true,
        () => false,
      ),
    { what: 'a quote' },
  )
  assert.equal((await observe(stub, 'watch')).error?.code, status.PERMISSION_DENIED)
})
