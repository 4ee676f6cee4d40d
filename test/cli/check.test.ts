import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { type Answers, FakeWorld, NOW, tokenText, tulle } from '../kit/command.ts'

/** A folder with a service in it, and its environment. */
async function service(
  t: TestContext,
  env: Readonly<Record<string, string>>,
  answers: Answers = {},
): Promise<FakeWorld> {
  const world = new FakeWorld(answers)
  world.cwd = await mkdtemp(join(tmpdir(), 'tulle-check-'))
  t.after(() => rm(world.cwd, { recursive: true, force: true }))
  const undici = join(world.cwd, 'node_modules/undici')
  await mkdir(undici, { recursive: true })
  await writeFile(join(undici, 'package.json'), '{"version":"7.30.2"}')
  await writeFile(join(world.cwd, 'package.json'), '{"dependencies":{"undici":"7"}}')
  world.env = env
  return world
}

test('a mesh without a plane: only what it has is looked at, and all is well', async (t) => {
  const { code, out } = await tulle(await service(t, { TULLE_SERVICE: 'orders' }), 'check')
  assert.equal(code, 0)
  assert.deepEqual(out.match(/^\w+$/gm), ['configuration', 'policy', 'packages'])
  assert.match(out, /^ {2}pass {2}one copy of undici, 7\.30\.2$/m)
  assert.match(out, /\n\d passed, no warnings, no failures\n$/)
})

test('a member whose plane is there', async (t) => {
  const world = await service(
    t,
    { TULLE_SERVICE: 'orders', TULLE_JOIN_TOKEN: tokenText('join', { service: 'orders' }) },
    { 'GET /v1/info': { wall: NOW, version: '0.1.0' } },
  )
  const { code, out } = await tulle(world, 'check')
  assert.equal(code, 0)
  assert.deepEqual(out.match(/^\w+$/gm), [
    'configuration',
    'state',
    'plane',
    'identity',
    'policy',
    'packages',
  ])
  assert.match(out, /^ {2}warn {2}no state directory: a restart needs the plane\n {8}Set TULLE_STATE_DIR/m)
  assert.match(out, /^ {2}pass {2}the plane at https:\/\/plane\.test:7400 has proved itself/m)
  assert.equal(world.open, 0)
  assert.ok(
    world.asked.every(({ auth }) => auth === 'none'),
    'the token was used',
  )
})

test('a plane that is down fails the check, and a program can read why', async (t) => {
  const down = new MeshError('TULLE_PLANE', 'the plane at https://plane.test:7400 cannot be reached')
  const world = await service(
    t,
    { TULLE_SERVICE: 'orders', TULLE_JOIN_TOKEN: tokenText('join', { service: 'orders' }) },
    { 'GET /v1/info': down },
  )
  const { code, out } = await tulle(world, 'check', '--json')
  const { ok, groups } = JSON.parse(out)
  assert.deepEqual([code, ok], [1, false])
  assert.deepEqual(groups.find(({ name }: { name: string }) => name === 'plane').findings, [
    { verdict: 'fail', says: down.message, hint: down.hint },
  ])
})

test('a configuration that is wrong is the first failure, and the packages are still looked at', async (t) => {
  const { code, out } = await tulle(await service(t, { TULLE_SERVICE: 'orders', TULLE_LOG: 'loud' }), 'check')
  assert.equal(code, 1)
  assert.match(out, /^configuration\n {2}fail {2}TULLE_LOG: expected one of silent/)
  assert.deepEqual(out.match(/^\w+$/gm), ['configuration', 'packages'])
})

test('no secret is printed', async (t) => {
  const token = tokenText('join', { service: 'stock' })
  const world = await service(
    t,
    { TULLE_SERVICE: 'orders', TULLE_JOIN_TOKEN: token },
    { 'GET /v1/info': { wall: NOW } },
  )
  const { out, err } = await tulle(world, 'check', '--json')
  assert.match(out, /the join token is that of stock/)
  assert.ok(!`${out}${err}`.includes(token.slice(12, 40)))
})

test('a policy that is refused is a failure with its place', async (t) => {
  const world = await service(t, { TULLE_SERVICE: 'orders' })
  const file = join(world.cwd, 'mesh.yaml')
  await writeFile(file, 'version: 1\nservises: {}\n')
  world.env = { TULLE_SERVICE: 'orders', TULLE_POLICY: file }
  const { code, out } = await tulle(world, 'check')
  assert.equal(code, 1)
  assert.match(out, /fail {2}policy: servises: unknown key; did you mean services\? \(.*mesh\.yaml:2:1\)/)
})

test('a policy that Consul does not have is one failure, and everything else is looked at too', async (t) => {
  const env = { TULLE_SERVICE: 'orders', TULLE_POLICY: 'consul://tulle/mesh.yaml' }
  const world = await service(t, env)
  const facts = { index: 1, digest: '', filtered: false, knownLeader: true }
  world.consul = {
    address: 'http://127.0.0.1:8500',
    send: async () => ({ ...facts, status: 404, body: undefined }),
    close: async () => {},
  }
  const { code, out } = await tulle(world, 'check')
  assert.equal(code, 1)
  assert.match(out, /fail {2}policy: there is no key tulle\/mesh\.yaml in Consul at http.*\n +Write it /)
  assert.match(out, /^packages$/m)
})
