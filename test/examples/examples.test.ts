import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { startProcess } from '../kit/process.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

interface Service {
  readonly url: string
  readonly pid: number
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts an example as a reader would and waits for the line that says where it listens. */
async function start(t: TestContext, file: string, env: Record<string, string>): Promise<Service> {
  const child = spawn(process.execPath, [join(root, 'examples', file)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (https?:\S+)$/.exec(line)?.[1]
    if (url === undefined) continue
    const exited = once(child, 'exit') as Promise<[number | null]>
    return {
      url,
      pid: child.pid!,
      stop: async (signal = 'SIGTERM') => {
        child.kill(signal)
        return (await exited)[0]
      },
    }
  }
  throw new Error(`examples/${file} ended before it listened`)
}

for (const web of ['express/web.js', 'fastify/web.js', 'fetch-replacement/web.js']) {
  test(`examples/${web} answers from two orders, and from one when the other is killed`, async (t) => {
    const orders = await Promise.all(
      [1, 2].map(() => start(t, 'plain-http/orders.js', { TULLE_SERVICE: 'orders' })),
    )
    const endpoints = `orders=${orders.map(({ url }) => new URL(url).host).join(',')}`
    const { url, stop } = await start(t, web, { TULLE_SERVICE: 'web', TULLE_ENDPOINTS: endpoints })
    const ask = async (): Promise<number> => {
      const res = await fetch(url)
      assert.equal(res.status, 200)
      const { item, servedBy } = (await res.json()) as { item: string; servedBy: number }
      assert.equal(item, '/v1/items')
      return servedBy
    }
    const served = new Set<number>()
    for (let i = 0; i < 40; i++) served.add(await ask())
    assert.deepEqual(served, new Set(orders.map(({ pid }) => pid)))
    await orders[0]!.stop('SIGKILL')
    for (let i = 0; i < 20; i++) assert.equal(await ask(), orders[1]!.pid)
    assert.equal(await stop(), 0, 'SIGTERM ends it in order')
  })
}

test('examples/grpc answers from two servers, and from one when the other is killed', async (t) => {
  const servers = await Promise.all(
    [1, 2].map(() => start(t, 'grpc/server.js', { TULLE_SERVICE: 'pricing' })),
  )
  const endpoints = `pricing=${servers.map(({ url }) => new URL(url).host).join(',')}`
  const env = { TULLE_SERVICE: 'web', TULLE_ENDPOINTS: endpoints }
  const { url, stop } = await start(t, 'grpc/client.js', env)
  const ask = async (): Promise<number> => {
    const res = await fetch(`${url}/?sku=hat`)
    const answer = (await res.json()) as Record<string, unknown>
    assert.equal(res.status, 200, JSON.stringify(answer))
    assert.deepEqual([answer.sku, answer.cents], ['hat', 500])
    assert.ok(Number(answer.remainingMs) > 0 && Number(answer.remainingMs) <= 2000, JSON.stringify(answer))
    return Number(answer.servedBy)
  }
  const served = new Set<number>()
  for (let i = 0; i < 40; i++) served.add(await ask())
  assert.deepEqual(served, new Set(servers.map(({ pid }) => pid)))
  const refused = await fetch(url)
  assert.deepEqual([refused.status, await refused.json()], [400, { code: 3, details: 'which sku?' }])
  await servers[0]!.stop('SIGKILL')
  // A call that is sent before the client hears of the death may have been executed: it is told of it, and not repeated.
  const answered = async (): Promise<boolean> => (await fetch(`${url}/?sku=hat`)).status === 200
  await until(answered, { what: 'an answer after the death of one server' })
  for (let i = 0; i < 20; i++) assert.equal(await ask(), servers[1]!.pid)
  assert.equal(await servers[1]!.stop(), 0, 'SIGTERM ends a server in order')
  assert.equal(await stop(), 0, 'and the client')
})

test('examples/plane answers over mutual TLS, refuses plaintext, and goes on when the plane is gone', async (t) => {
  const plane = await startProcess(t, join(root, 'dist/src/cli/main.js'), {
    args: ['plane', '--dev', '--port', '0'],
    ready: /^TULLE_JOIN_TOKEN=(\S+)$/m,
  })
  const env = { TULLE_JOIN_TOKEN: plane.ready[1]! }
  const orders = await Promise.all(
    [1, 2].map(() => start(t, 'plane/orders.js', { ...env, TULLE_SERVICE: 'orders' })),
  )
  const { url, stop } = await start(t, 'plane/web.js', { ...env, TULLE_SERVICE: 'web' })
  const ask = async (): Promise<number | undefined> => {
    const res = await fetch(url)
    if (res.status !== 200) return undefined
    const { item, servedBy, askedBy } = (await res.json()) as Record<string, unknown>
    assert.equal(item, '/v1/items')
    assert.match(String(askedBy), /^spiffe:\/\/\S+\/ns\/default\/dc\/dc1\/svc\/web$/)
    return Number(servedBy)
  }
  const served = new Set<number | undefined>()
  const both = () => orders.every(({ pid }) => served.has(pid))
  await until(async () => served.add(await ask()) && both(), { what: 'answers of both orders' })

  for (const one of orders) {
    assert.match(one.url, /^https:/)
    assert.equal((await fetch(one.url.replace('https:', 'http:'))).status, 426)
  }
  await plane.kill('SIGTERM')
  await orders[0]!.stop('SIGKILL')
  for (let i = 0; i < 20; i++) assert.equal(await ask(), orders[1]!.pid)
  assert.equal(await stop(), 0, 'SIGTERM ends it in order')
})

test('examples/policy.yaml has no mistake and no warning', () => {
  const tulle = join(root, 'dist/src/cli/main.js')
  const { stdout, status } = spawnSync(
    process.execPath,
    [tulle, 'policy', 'check', '--strict', join(root, 'examples/policy.yaml')],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stdout)
})

test('the policy in docs/policy.md is the example', () => {
  const shown = /```yaml\n(version: 1[\s\S]*?)```/.exec(
    readFileSync(join(root, 'docs/policy.md'), 'utf8'),
  )?.[1]
  const example = readFileSync(join(root, 'examples/policy.yaml'), 'utf8').replace(/^#.*\n/, '')
  assert.equal(shown, example)
})

test('every folder of examples/ is in its README', () => {
  const readme = readFileSync(join(root, 'examples/README.md'), 'utf8')
  for (const name of readdirSync(join(root, 'examples')))
    if (name !== 'README.md') assert.match(readme, new RegExp(`\`${name}\``))
})
