import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { type ConsulAnswer, ConsulRefusal, type ConsulRequest } from '../../src/core/consul.ts'
import { followConsul } from '../../src/core/consul-follow.ts'
import { MeshError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { TestCa } from '../kit/certificates.ts'
import { type Agent, type AgentOptions, startAgent } from '../kit/consul/agent.ts'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import { until, within } from '../kit/wait.ts'

type Options = Partial<ConstructorParameters<typeof HttpConsulLink>[0]>

async function started(t: TestContext, options?: AgentOptions): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  return agent
}

function linkTo(t: TestContext, address: string, options: Options = {}) {
  const said: string[] = []
  const say = (message: string): void => void said.push(message)
  const link = new HttpConsulLink({
    address,
    clock: systemClock,
    random: () => 0.5,
    log: { debug: say, info: say, warn: say, error: say },
    ...options,
  })
  t.after(() => link.close())
  return Object.assign(link, { said })
}

/** Follows the instances of a service, by the bytes of their ids. */
function watched(t: TestContext, link: HttpConsulLink, waitMs = 55_000) {
  const answers: ConsulAnswer[] = []
  const errors: unknown[] = []
  const following = followConsul({
    link,
    clock: systemClock,
    random: () => 0.5,
    request: () => ({ method: 'GET', path: '/v1/health/service/orders' }),
    onAnswer: (answer) => void answers.push(answer),
    onError: (error) => void errors.push(error),
    waitMs,
  })
  t.after(() => following.stop())
  const ids = (): string =>
    ((answers.at(-1)?.body ?? []) as { Service: { ID: string } }[]).map(({ Service }) => Service.ID).join()
  const shows = async (wanted: string, withinMs = 5000): Promise<number> => {
    const from = performance.now()
    await until(() => answers.length > 0 && ids() === wanted, {
      what: `the instances ${JSON.stringify(wanted)}`,
      withinMs,
      seen: () => [ids(), errors.map(String).at(-1)],
    })
    return performance.now() - from
  }
  return { answers, errors, ids, shows }
}

const register = (agent: Agent, id: string) =>
  agent.api('PUT', '/v1/agent/service/register', { ID: id, Name: 'orders', Port: 1 })

const roots: ConsulRequest = { method: 'GET', path: '/v1/connect/ca/roots' }

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MeshError && error.code === 'TULLE_CONSUL', String(error))
  return error
}

test('a change is told while the query waits, over TCP and over a socket in the file system', async (t) => {
  for (const unixSocket of [false, true]) {
    const agent = await started(t, { unixSocket })
    const { shows, errors } = watched(t, linkTo(t, agent.address))
    await shows('')
    await register(agent, 'o1')
    const ms = await shows('o1')
    t.diagnostic(`${agent.address.slice(0, 4)}: ${ms.toFixed(0)} ms`)
    assert.deepEqual(errors, [])
  }
})

test('HTTPS: the CA from a file or a folder, a client certificate, and what is said where one is wrong', async (t) => {
  const agent = await started(t, { tls: 'mutual' })
  const { caFile = '', certFile = '', keyFile = '', address } = agent
  const caPath = join(agent.folder, 'cas')
  mkdirSync(caPath)
  copyFileSync(caFile, join(caPath, 'one.pem'))
  writeFileSync(join(caPath, 'README'), 'the CA of the agents')
  const stranger = join(agent.folder, 'stranger.pem')
  writeFileSync(stranger, TestCa.create().rootPem)
  const mine = { certFile, keyFile }
  const good: readonly Options[] = [
    { ...mine, caFile },
    { ...mine, caPath },
    { ...mine, caFile, tlsServerName: 'localhost' },
    { ...mine, sslVerify: false },
  ]
  for (const options of good) assert.equal((await linkTo(t, address, options).send(roots)).status, 200)
  const host = address.slice('https://'.length)
  assert.equal((await linkTo(t, `http://${host}`, { ...mine, caFile, ssl: true }).send(roots)).status, 200)
  const bad: readonly [string, Options, RegExp, RegExp][] = [
    [
      address,
      mine,
      /cannot be reached: its certificate is of a CA that is not trusted here/,
      /CONSUL_CACERT/,
    ],
    [address, { ...mine, caFile: stranger }, /of a CA that is not trusted/, /CONSUL_CACERT/],
    [address, { caFile }, /client certificate/, /CONSUL_CLIENT_CERT/],
    [address, { ...mine, caFile, tlsServerName: 'other' }, /for another name/, /CONSUL_TLS_SERVER_NAME/],
    [
      address,
      { ...mine, caFile: '/nowhere/ca.pem' },
      /CA file \/nowhere\/ca\.pem cannot be read: there is none/,
      /every second/,
    ],
    [address, { caFile, certFile, keyFile: caFile }, /OpenSSL cannot use them/, /every second/],
    [`http://${host}`, {}, /refused with 400/, /CONSUL_HTTP_SSL/],
  ]
  for (const [to, options, message, hint] of bad) {
    const error = await failure(linkTo(t, to, options).send(roots))
    assert.match(error.message, message)
    assert.match(error.hint, hint)
  }
})

test('TLS files that are replaced take effect without a restart, and half-written ones change nothing', async (t) => {
  const agent = await started(t, { tls: 'mutual' })
  const { certFile = '', keyFile = '' } = agent
  const caFile = join(agent.folder, 'trusted.pem')
  writeFileSync(caFile, TestCa.create().rootPem)
  const link = linkTo(t, agent.address, { caFile, certFile, keyFile })
  const { shows } = watched(t, link)
  await failure(link.send(roots))
  copyFileSync(agent.caFile ?? '', caFile)
  const ms = await shows('')
  assert.ok(ms < 4000, `${ms}`)
  writeFileSync(caFile, '-----BEGIN CERTIFICATE-----\nMIIB')
  await until(() => link.said.length > 0, { what: 'the word of the half-written file' })
  assert.match(link.said.join(), /trusted\.pem.*what it held before is used on/)
  await register(agent, 'o1')
  await shows('o1')
  writeFileSync(caFile, TestCa.create().rootPem)
  await until(
    () =>
      link.send(roots).then(
        () => false,
        () => true,
      ),
    { what: 'the refusal by the new roots' },
  )
})

test('FAULTS 25: a token the agent does not know changes nothing, and its successor in the file is used at once', async (t) => {
  const agent = await started(t, { acl: 'deny' })
  const tokenFile = join(agent.folder, 'token')
  writeFileSync(tokenFile, `${agent.token}\n`)
  const link = linkTo(t, agent.address, { tokenFile })
  const { shows, errors, answers } = watched(t, link)
  await register(agent, 'o1')
  await shows('o1')
  writeFileSync(tokenFile, '11111111-2222-3333-4444-555555555555')
  await until(() => errors.length > 1, { what: 'the refusals' })
  assert.equal((errors[0] as ConsulRefusal).status, 403)
  assert.match((errors[0] as ConsulRefusal).hint, /does not know this ACL token/)
  const before = answers.length
  await register(agent, 'o2')
  writeFileSync(tokenFile, `${agent.token}`)
  const ms = await shows('o1,o2')
  t.diagnostic(`${ms.toFixed(0)} ms from the new token to the answer`)
  assert.ok(answers.length > before)
  assert.equal(JSON.stringify([errors, link.said]).includes(`${agent.token}`), false)
})

test('what the token does not allow is refused with the rule that is missing', async (t) => {
  const agent = await started(t, { acl: 'deny' })
  const link = linkTo(t, agent.address)
  const leaf = await failure(link.send({ method: 'GET', path: '/v1/agent/connect/ca/leaf/orders' }))
  assert.match(leaf.hint, /service "orders" \{ policy = "write" \}/)
  const body = { Name: 'orders', Port: 1 }
  const put = await failure(link.send({ method: 'PUT', path: '/v1/agent/service/register', body }))
  assert.ok(put instanceof ConsulRefusal)
  assert.match(`${put.message} ${put.hint}`, /write/)
  assert.deepEqual((await link.send({ method: 'GET', path: '/v1/health/service/orders' })).body, [])
})

test('FAULTS 20: with no agent at the start, and after one was killed, all is known within 2 s of its coming', async (t) => {
  const agent = await started(t)
  await agent.kill()
  const { shows, errors } = watched(t, linkTo(t, agent.address))
  await until(() => errors.length >= 4, { what: 'some errors', withinMs: 20_000 })
  assert.match(String(errors[0]), /cannot be reached: connection refused/)
  await agent.start()
  t.diagnostic(`found ${(await shows('', 2000 * 10)).toFixed(0)} ms after it was ready`)
  await register(agent, 'o1')
  await shows('o1')
  await agent.kill()
  await until(() => errors.length >= 7, { what: 'more errors', withinMs: 20_000 })
  await agent.start()
  await register(agent, 'o2')
  t.diagnostic(`found again after ${(await shows('o2', 2000 * 10)).toFixed(0)} ms`)
})

test('FAULTS 23: an index far ahead of a cluster made anew is answered at the end of the wait, and lower', async (t) => {
  const agent = await started(t)
  const link = linkTo(t, agent.address)
  const answer = await within(
    link.send({
      method: 'GET',
      path: '/v1/health/service/orders',
      index: 900_000,
      waitMs: 500,
    }),
    5000,
    'the answer',
  )
  assert.ok((answer.index ?? 0) < 900_000 && (answer.index ?? 0) > 0)
})

test('FAULTS 27: resets, silence and dripping on the way are errors that pass, one query at a time', async (t) => {
  const agent = await started(t)
  await register(agent, 'o1')
  const proxy = await startFaultProxy(`127.0.0.1:${agent.ports.api}`)
  t.after(() => proxy.close())
  const { shows, errors } = watched(t, linkTo(t, `http://${proxy.address}`), 500)
  await shows('o1')
  const faults = [
    { direction: 'response', byte: 0, action: 'reset' },
    { direction: 'response', byte: 40, action: 'fin' },
    { direction: 'response', byte: 300, action: 'reset' },
    { direction: 'response', byte: 300, action: 'silence' },
  ] as const
  for (const [n, fault] of faults.entries()) {
    const before = errors.length
    proxy.plan({ faults: [fault] })
    proxy.drop()
    await until(() => errors.length > before + (fault.action === 'silence' ? 0 : 1), {
      what: `the error of ${fault.action}`,
      withinMs: 20_000,
    })
    proxy.plan({})
    proxy.drop()
    await register(agent, `p${n}`)
    await shows(['o1', ...faults.slice(0, n + 1).map((_, m) => `p${m}`)].join(), 20_000)
  }
  assert.ok(proxy.open <= 4, `${proxy.open} connections`)
})

test('FAULTS 27: a watch on a connection that swallows everything is given up and asked for again', async (t) => {
  const agent = await started(t)
  const proxy = await startFaultProxy(`127.0.0.1:${agent.ports.api}`)
  t.after(() => proxy.close())
  const { shows, errors } = watched(t, linkTo(t, `http://${proxy.address}`), 1000)
  await shows('')
  await until(() => proxy.open === 2, { what: 'the query that waits' })
  proxy.freeze()
  await register(agent, 'o1')
  await shows('o1', 20_000)
  assert.match(String(errors[0]), /gave no whole answer within 5 s/)
})

test('an agent that is stopped in its tracks is missed, and found within 2 s of going on', async (t) => {
  const agent = await started(t)
  const { shows, errors } = watched(t, linkTo(t, agent.address), 500)
  await shows('')
  await agent.pause()
  t.after(() => agent.resume())
  await until(() => errors.length > 0, { what: 'the error', withinMs: 20_000 })
  agent.resume()
  await register(agent, 'o1')
  const ms = await shows('o1', 20_000)
  t.diagnostic(`${ms.toFixed(0)} ms`)
})

test('more watches than connections are all answered, and a short question is answered at once beside them', async (t) => {
  const agent = await started(t)
  const link = linkTo(t, agent.address)
  const controller = new AbortController()
  const all = Array.from({ length: 130 }, (_, n) =>
    link
      .send(
        { method: 'GET', path: `/v1/health/service/s${n}`, index: 1_000_000, waitMs: 20_000 },
        controller.signal,
      )
      .then(
        () => 'answered',
        () => 'ended',
      ),
  )
  const from = performance.now()
  await within(link.send(roots), 3000, 'the short question')
  t.diagnostic(`${(performance.now() - from).toFixed(0)} ms beside 111 blocking queries`)
  await within(Promise.all(all.slice(111)), 15_000, 'those that found no connection')
  controller.abort()
  assert.equal((await Promise.all(all)).filter((end) => end === 'ended').length, 111)
})
