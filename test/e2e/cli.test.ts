import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { processWorld } from '../../src/cli/process-world.ts'
import type { World } from '../../src/cli/world.ts'
import { createMesh } from '../../src/index.ts'
import { type CommandRun, tulle } from '../kit/command.ts'
import { siblingOf, startProcess, type TestProcess } from '../kit/process.ts'
import { root } from '../kit/root.ts'

interface Running {
  readonly dir: string
  readonly plane: TestProcess
  /** A command with the admin token of the state directory. */
  run(...args: string[]): Promise<CommandRun>
  world(env: Readonly<Record<string, string>>): World
}

async function plane(t: TestContext, ...flags: string[]): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-cli-e2e-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const dir = join(folder, 'state')
  const args = [
    'plane',
    '--dir',
    dir,
    '--port',
    '0',
    '--host',
    '127.0.0.1',
    '--trust-domain',
    'e2e.example',
    ...flags,
  ]
  const started = await startProcess(t, siblingOf(import.meta.url, '../../src/cli/main'), {
    args,
    ready: /^the plane listens on (\S+),/m,
  })
  const world = (env: Readonly<Record<string, string>>): World => ({
    ...processWorld,
    env,
    cwd: root,
    author: 'e2e',
  })
  return { dir, plane: started, world, run: (...rest) => tulle(world({}), ...rest, '--dir', dir) }
}

test('a plane is run, administered and stopped from the command line', async (t) => {
  const { dir, plane: running, run } = await plane(t)
  assert.match(running.stdout, /^the admin token is in .*admin-token$/m)
  assert.doesNotMatch(running.stdout, /tulle_admin_/)
  assert.equal((await stat(join(dir, 'admin-token'))).mode & 0o777, 0o600)

  const token = await run('token', 'create', 'orders', '--uses', '1', '--expires', '1h')
  assert.deepEqual([token.code, token.out.startsWith('tulle_join_')], [0, true], token.err)
  const { out: tokens } = await run('token', 'list', '--json')
  const [{ id }] = JSON.parse(tokens)
  assert.equal((await run('token', 'revoke', id)).code, 0)
  assert.match((await run('token', 'list')).out, /revoked/)
  const nobody = await run('token', 'revoke', 'nobody')
  assert.equal(nobody.code, 1)
  assert.match(nobody.err, /there is no join token "nobody"/)

  assert.equal((await run('identity', 'ban', 'orders', '--reason', 'a test')).code, 0)
  assert.match((await run('identity', 'list')).out, /^orders .* a test$/m)
  assert.equal((await run('identity', 'unban', 'orders')).code, 0)
  assert.equal((await run('identity', 'unban', 'orders')).code, 1)

  assert.match((await run('ca', 'show')).out, /^trust domain e2e\.example, a root of its own$/m)
  assert.match((await run('ca', 'rotate')).out, /^old root/m)
  const early = await run('ca', 'retire')
  assert.equal(early.code, 1)
  assert.match(early.err, /certificates of the old root may live until/)

  assert.deepEqual(await running.kill('SIGTERM'), { code: 0, signal: null })
  const down = await run('ca', 'show')
  assert.equal(down.code, 1)
  assert.match(down.err, /^the plane at https:\/\/127\.0\.0\.1:\d+ cannot be reached: connection refused/)
})

test('policy is pushed, compared and rolled back; a bad one is refused with its place, here and by the plane', async (t) => {
  const { dir, run } = await plane(t)
  const file = join(dir, '..', 'orders.yaml')
  const other = join(dir, '..', 'shop.yaml')
  await writeFile(file, 'version: 1\nservices: { orders: { timeout: 5s } }\n')
  assert.equal(
    (await run('policy', 'push', file, '-m', 'one')).out,
    'version 1: 1 document pushed, 0 deleted\n',
  )
  assert.equal((await run('policy', 'push', file)).out, 'version 1 is the same: nothing to change\n')
  await writeFile(file, 'version: 1\nservices: { orders: { timeout: 2s } }\n')
  await run('policy', 'push', file, '-m', 'two')
  assert.match((await run('policy', 'history')).out, /^2 .* e2e +two\n1 .* e2e +one$/m)
  assert.match((await run('policy', 'diff')).out, /^-services: .*5s.*\n\+services: .*2s/m)

  await writeFile(other, 'version: 1\nservices: { orders: {} }\n')
  const twice = await run('policy', 'push', other)
  assert.equal(twice.code, 1)
  assert.match(
    twice.out,
    /^mistake {2}services\.orders: service orders is already in orders\.yaml.*shop\.yaml:2:13\)$/m,
  )
  await writeFile(other, 'version: 1\nservises: {}\n')
  assert.match(
    (await run('policy', 'push', other)).out,
    /unknown key; did you mean services\? \(.*shop\.yaml:2:1\)/,
  )

  const stale = await run('policy', 'push', file, '--delete', 'none.yaml', '--expected', '1')
  assert.equal(stale.code, 1)
  assert.equal((await run('policy', 'rollback', '1')).out, 'version 3 has the documents of version 1\n')
  assert.match((await run('policy', 'get', 'orders.yaml')).out, /timeout: 5s/)
})

test('as a process of its own a push waits for its answer, good or bad', async (t) => {
  const { dir } = await plane(t)
  const file = join(dir, '..', 'orders.yaml')
  await writeFile(file, 'version: 1\nservices: { orders: { timeout: 5s } }\n')
  const push = async (...more: string[]) => {
    const main = siblingOf(import.meta.url, '../../src/cli/main')
    const args = [main, 'policy', 'push', file, '--dir', dir, ...more]
    const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>(
      (resolve) =>
        execFile(process.execPath, args, (error, stdout, stderr) =>
          resolve({ code: error?.code ?? 0, stdout, stderr }),
        ),
    )
    return [code, stdout, stderr.split('\n')[0]]
  }
  assert.deepEqual(await push(), [0, 'version 1: 1 document pushed, 0 deleted\n', ''])
  await writeFile(file, 'version: 1\nservices: { orders: { timeout: 2s } }\n')
  const [code, out, err] = await push('--expected', '7')
  assert.deepEqual([code, out], [1, ''])
  assert.match(`${err}`, /conflict/)
})

test('a second plane on a state directory is refused, and told who has it', async (t) => {
  const { dir, plane: running, world } = await plane(t)
  const { code, err } = await tulle(world({}), 'plane', '--dir', dir, '--port', '0')
  assert.equal(code, 1)
  assert.match(err, new RegExp(`in use by process ${running.pid} `))
})

test('the token of another plane is refused in its own words', async (t) => {
  const [one, two] = [await plane(t), await plane(t)]
  const url = two.plane.ready[1] as string
  const { code, err } = await one.run('ca', 'show', '--plane', url)
  assert.equal(code, 1)
  assert.match(err, /did not send the root certificate that the token names/)
})

test('tulle check: a service that has run passes, and says what is missing when the plane is gone', async (t) => {
  const { dir, plane: running, run, world } = await plane(t)
  const { out } = await run('token', 'create', 'orders')
  const stateDir = join(dir, '..', 'orders')
  const env = { TULLE_SERVICE: 'orders', TULLE_JOIN_TOKEN: out.trim(), TULLE_STATE_DIR: stateDir }
  const mesh = createMesh({ env })
  await mesh.start()
  const services = await run('policy', 'status', '--json')
  await mesh.close()
  assert.equal(services.code, 0, services.err)

  const good = await tulle(world(env), 'check')
  assert.equal(good.code, 0, good.out)
  assert.match(good.out, /^ {2}pass {2}the plane at \S+ has proved itself and answers in \d+ ms/m)
  assert.match(
    good.out,
    /^ {2}pass {2}the certificate \(spiffe:\/\/e2e\.example\/.*\/svc\/orders\) is good for 2[34] h more/m,
  )
  assert.match(good.out, /^ {2}pass {2}policy version 0 is kept here, the newest of the plane$/m)

  await running.kill('SIGTERM')
  const bad = await tulle(world(env), 'check')
  assert.equal(bad.code, 1)
  assert.match(bad.out, /^ {2}fail {2}the plane at \S+ cannot be reached: connection refused/m)
  assert.match(bad.out, /^ {2}pass {2}the certificate/m)
})

test('--dev: the one line that is printed makes any service a member, and nothing is left afterwards', async (t) => {
  const args = ['plane', '--dev', '--port', '0']
  const running = await startProcess(t, siblingOf(import.meta.url, '../../src/cli/main'), {
    args,
    ready: /its state is in (\S+)\n[\s\S]*^TULLE_JOIN_TOKEN=(\S+)$/m,
  })
  const [, dir, joinToken] = running.ready
  for (const service of ['orders', 'stock']) {
    const mesh = createMesh({ service, joinToken, env: {} })
    await mesh.start()
    assert.match(mesh.health().identity?.id ?? '', new RegExp(`/svc/${service}$`))
    await mesh.close()
  }
  assert.deepEqual(await running.kill('SIGTERM'), { code: 0, signal: null })
  await assert.rejects(stat(dir as string), { code: 'ENOENT' })
})
