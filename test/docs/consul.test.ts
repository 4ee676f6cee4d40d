import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CONSUL_SETTINGS } from '../../src/consul-settings.ts'
import { isMeshError } from '../../src/core/errors.ts'
import type { Mesh } from '../../src/index.ts'
import { type Agent, consul, startAgent } from '../kit/consul/agent.ts'
import { intend } from '../kit/consul/intend.ts'
import { localMember } from '../kit/consul/members.ts'
import { startProcess } from '../kit/process.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

const page = readFileSync(join(root, 'docs/consul.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text ?? '')

async function agentOf(t: TestContext, options: Parameters<typeof startAgent>[0] = {}): Promise<Agent> {
  const agent = await startAgent(options)
  t.after(() => agent.stop())
  return agent
}

const known = async (agent: Agent, service: string): Promise<number> =>
  (await agent.api('GET', `/v1/health/connect/${service}`)).json.length

test('what is printed under “Start” runs: a service, and one that calls it', async (t) => {
  const agent = await agentOf(t)
  const [orders = '', web = ''] = blocks('js')
  const run = (code: string, ready: RegExp) =>
    startProcess(t, code, { nodeArgs: ['--input-type=module', '-e'], env: agent.env, ready, cwd: root })
  await run(orders, /^listening on https:/m)
  await until(async () => (await known(agent, 'orders')) === 1, { what: 'a registration' })
  const { exited } = await run(web, /^200 hello web$/m)
  assert.equal((await exited).code, 0)
})

test('the policy on the page has no mistake and no warning', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-page-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [policy = ''] = blocks('yaml')
  writeFileSync(join(folder, 'page.yaml'), policy)
  const tulle = join(root, 'dist/src/cli/main.js')
  const args = [tulle, 'policy', 'check', '--strict', join(folder, 'page.yaml')]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
})

test('every command of Consul’s that a page prints is one it takes', async (t) => {
  const agent = await agentOf(t)
  const { path } = await consul()
  const cwd = mkdtempSync(join(tmpdir(), 'tulle-page-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, 'mesh.yaml'), 'version: 1\nservices: { orders: { timeout: 3s } }\n')
  const pages = ['docs/consul.md', 'docs/policy.md'].map((name) => readFileSync(join(root, name), 'utf8'))
  const printed = pages
    .flatMap((text) => [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)])
    .filter(([, language]) => language === '' || language === 'sh')
    .flatMap(([, , block = '']) => block.match(/\bconsul (?!agent)[a-z]+ [^#\n]*/g) ?? [])
    .map((command) => command.trim())
  assert.deepEqual(
    [...new Set(printed.map((command) => command.split(' ').slice(1, 3).join(' ')))],
    ['intention create', 'kv put'],
  )
  for (const command of printed) {
    const args = command.split(/\s+/).slice(1)
    const { status, stderr } = spawnSync(path, args, { cwd, env: agent.env, encoding: 'utf8' })
    assert.equal(status, 0, `${command}: ${stderr}`)
  }
  const match = await agent.api('GET', '/v1/connect/intentions/match?by=destination&name=orders')
  assert.equal(match.json.orders[0].Action, 'allow', 'what is printed last replaces what was printed first')
  assert.equal((await agent.api('GET', '/v1/kv/tulle/mesh.yaml')).status, 200)
})

test('every variable of Consul’s is on the page', () => {
  for (const { variable } of Object.values(CONSUL_SETTINGS)) assert.match(page, new RegExp(`\`${variable}\``))
})

test('what the page says you see is what is said', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n')
  const [, table = ''] = /## When something is wrong\n([\s\S]*?)\n## /.exec(page) ?? []
  const quotes = [...table.matchAll(/\*([^*\n]+)\*/g)].map(([, quote = '']) => quote)
  assert.ok(quotes.length >= 10, `${quotes.length}`)
  for (const quote of quotes)
    for (const part of quote.split(/…|"orders"|\b\d+\b/).map((one) => one.replace(/^[ :]+|[ :,]+$/g, '')))
      for (const piece of part.split(': '))
        assert.ok(sources.includes(piece), `nothing in src/ says ${JSON.stringify(piece)}`)
})

const rules = (blocks('hcl')[0] ?? '').split('\n').filter((line) => /^\w/.test(line))
let policies = 0

/** For `service`, which calls `calls`: the rules of the page without the one that begins so. */
async function tokenOf(agent: Agent, service: string, calls: string, without?: string): Promise<string> {
  const other = { web: service, orders: calls } as Readonly<Record<string, string>>
  const kept = rules.filter((line) => without === undefined || !line.startsWith(without))
  assert.equal(kept.length, rules.length - (without === undefined ? 0 : 1))
  const text = kept.join('\n').replace(/"(web|orders)"/g, (_, name: string) => `"${other[name]}"`)
  policies += 1
  const Name = `page-${policies}`
  const made = await agent.api('PUT', '/v1/acl/policy', { Name, Rules: text })
  assert.equal(made.status, 200, made.text)
  return (await agent.api('PUT', '/v1/acl/token', { Policies: [{ Name }] })).json.SecretID
}

test('the ACL policy on the page is enough, and none of its rules is too much', async (t) => {
  const agent = await agentOf(t, { acl: 'deny' })
  await agent.api('PUT', '/v1/kv/tulle/mesh.yaml', 'version: 1\ndefaults: { connect: { timeout: 5s } }\n')
  await agent.api('PUT', '/v1/config', {
    Kind: 'service-resolver',
    Name: 'orders',
    ConnectTimeout: '7s',
  })
  await intend(agent, 'web', 'orders', 'allow')
  const member = (service: string, token: string) =>
    localMember(t, service, {
      env: { CONSUL_HTTP_ADDR: agent.address, CONSUL_HTTP_TOKEN: token },
      policy: 'consul://tulle/mesh.yaml',
    }).mesh
  const serve = async (mesh: Mesh) => {
    await mesh.serve((_, res) => res.end(), { host: '127.0.0.1', signals: false })
    await until(() => mesh.health().consul?.registration?.state === 'registered', { what: 'a registration' })
  }
  const web = async (without?: string) => member('web', await tokenOf(agent, 'web', 'orders', without))
  const codeOf = (mesh: Mesh) =>
    mesh.fetch('http://orders.mesh/').then(
      ({ status }) => status,
      (error: unknown) => (isMeshError(error) ? error.code : String(error)),
    )
  const orders = member('orders', await tokenOf(agent, 'orders', 'stock'))
  await serve(orders)
  const whole = await web()
  await whole.start()
  await until(async () => (await codeOf(whole)) === 200, { what: 'an answer' })
  for (const mesh of [orders, whole]) assert.deepEqual(mesh.health().degraded, [])
  assert.equal(whole.health().consul?.entries?.entries['service-resolver'], 1)
  assert.equal(orders.health().consul?.intentions?.fallback, 'deny: the ACL default policy is deny')

  const refused = async (without: string, words: RegExp) => {
    const mesh = await web(without)
    await assert.rejects(
      mesh.start(),
      (error) => isMeshError(error) && words.test(`${error.message} ${error.hint}`),
    )
  }
  await refused('service "web"', /service "web" \{ policy = "write" \}/)
  await refused('key ', /key "tulle\/mesh.yaml" \{ policy = "read" \}/)
  for (const without of ['service "orders"', 'node_prefix']) {
    const mesh = await web(without)
    await mesh.start()
    assert.match(String(await codeOf(mesh)), /TULLE_(NO_ENDPOINT|UNKNOWN_SERVICE)/, without)
  }
  const unaware = member('stock', await tokenOf(agent, 'stock', 'web', 'agent_prefix'))
  await serve(unaware)
  assert.match(unaware.health().consul?.intentions?.fallback ?? '', /^deny: .*\(agent:read\)/)

  const blind = await web('service "consul"')
  await blind.start()
  await until(async () => (await codeOf(blind)) === 200, { what: 'an answer' })
  await orders.close()
  await until(async () => (await codeOf(whole)) === 'TULLE_NO_ENDPOINT', {
    what: 'the end of orders, confirmed',
    withinMs: 20_000,
  })
  await until(() => blind.health().degraded.some((one) => one.includes('sees no service in Consul at all')), {
    what: 'a token that cannot tell an empty service from a lost right',
    withinMs: 10_000,
    seen: () => blind.health().degraded,
  })
  assert.notEqual(await codeOf(blind), 'TULLE_NO_ENDPOINT')
})
