import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { consul, startAgent } from '../kit/consul/agent.ts'
import { startProcess } from '../kit/process.ts'
import { root } from '../kit/root.ts'
import { until } from '../kit/wait.ts'

const run = promisify(execFile)
const readme = readFileSync(join(root, 'examples/consul/README.md'), 'utf8')

/** The one command of the README that begins so, without its comment. */
function command(start: string): string[] {
  const line = readme.split('\n').find((one) => one.startsWith(start)) ?? assert.fail(`no ${start}`)
  return line.split('#')[0]!.trim().split(/\s+/)
}

test('examples/consul: calls over mutual TLS, an intention, a config entry, and an agent that goes away', async (t) => {
  const agent = await startAgent()
  t.after(() => agent.stop())
  const { path } = await consul()
  const consulSays = async (start: string) => {
    const [program, ...args] = command(start)
    assert.equal(program, 'consul')
    await run(path, args, { cwd: root, env: { ...process.env, ...agent.env } })
  }
  const service = (start: string) => {
    const words = command(start)
    const env = Object.fromEntries(words.filter((one) => one.includes('=')).map((one) => one.split('=')))
    const file = words.at(-1)!
    return startProcess(t, join(root, file), {
      env: { ...agent.env, ...env, PORT: '0', TULLE_DRAIN_DELAY: '0s' },
      ready: /^listening on (\S+)$/m,
    })
  }
  const [first, second] = await Promise.all([
    service('TULLE_SERVICE=orders TULLE_VERSION=1'),
    service('TULLE_SERVICE=orders TULLE_VERSION=2'),
  ])
  const web = await service('TULLE_SERVICE=web PORT=3000 node')
  const ask = async () => {
    const answer = await fetch(web.ready[1]!)
    return { status: answer.status, said: (await answer.json()) as Record<string, unknown> }
  }
  /** What versions answer when several ask at once. */
  const versions = async () => {
    const all = await Promise.all(Array.from({ length: 12 }, ask))
    assert.ok(all.every(({ status, said }) => status !== 200 || said.askedBy === 'web'))
    return [...new Set(all.map(({ status, said }) => (status === 200 ? said.version : status)))].sort().join()
  }
  await until(async () => (await versions()) === '1,2', { what: 'answers of both', withinMs: 15_000 })
  for (const { ready } of [first, second]) {
    assert.match(ready[1]!, /^https:/)
    assert.equal((await fetch(ready[1]!.replace('https:', 'http:'))).status, 426)
  }

  await consulSays('consul intention create -deny')
  await until(async () => (await versions()) === '403', { what: 'refusals' })
  assert.equal((await ask()).said.code, 'TULLE_DENIED')
  await consulSays('consul intention create -replace')
  await until(async () => (await versions()) === '1,2', { what: 'answers again' })

  await consulSays('consul config write')
  await until(async () => (await versions()) === '2', { what: 'version 2 alone' })
  const explain = command('TULLE_DISCOVERY=consul')
  assert.deepEqual(explain.slice(2, 5), ['npx', 'tulle', 'explain'])
  const { stdout } = await run(process.execPath, [join(root, 'dist/src/cli/main.js'), ...explain.slice(4)], {
    env: { ...process.env, ...agent.env, TULLE_DISCOVERY: 'consul', TULLE_SERVICE: 'web' },
  })
  assert.match(
    stdout,
    /^lookup\.filter +Service\.Meta\.version == "2" +consul service-resolver\/orders DefaultSubset$/m,
  )
  assert.match(stdout, /^ +web → orders: allow$/m)
  await consulSays('consul config delete')
  await until(async () => (await versions()) === '1,2', { what: 'both versions again', withinMs: 15_000 })

  await agent.kill('SIGKILL')
  for (let n = 0; n < 20; n++) assert.equal((await ask()).status, 200)
  for (const { code } of await Promise.all([first, second, web].map((one) => one.kill('SIGTERM'))))
    assert.equal(code, 0, 'SIGTERM ends it in order, the agent away or not')
})
