import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeWorld, tokenText, tulle } from '../kit/command.ts'

function world(adminToken?: string): { world: FakeWorld; closed: () => number } {
  const made = new FakeWorld()
  let closed = 0
  made.plane = {
    url: 'https://127.0.0.1:7400',
    dir: '/var/lib/tulle',
    adminToken,
    adminTokenFile: '/var/lib/tulle/admin-token',
    devToken: async () => tokenText('join', { service: '*' }),
    close: async () => {
      closed++
    },
  }
  return { world: made, closed: () => closed }
}

test('it says where it listens, where its state and its admin token are, and never the token itself', async () => {
  const { world: at, closed } = world(tokenText('admin'))
  const { code, out, err } = await tulle(at, 'plane')
  assert.equal(
    out,
    'the plane listens on https://127.0.0.1:7400, its state is in /var/lib/tulle\nthe admin token is in /var/lib/tulle/admin-token\n',
  )
  assert.deepEqual([code, err, closed()], [0, 'SIGTERM: the plane is closing\n', 1])
})

test('a later start does not speak of the admin token', async () => {
  assert.doesNotMatch((await tulle(world().world, 'plane')).out, /admin/)
})

test('--dev prints both tokens ready to paste, and listens on loopback', async () => {
  const { world: at } = world(tokenText('admin'))
  const { out } = await tulle(at, 'plane', '--dev', '--port', '0')
  assert.match(out, /^TULLE_JOIN_TOKEN=tulle_join_\S+$/m)
  assert.match(out, /^TULLE_ADMIN_TOKEN=tulle_admin_\S+$/m)
  assert.deepEqual([at.started?.dev, at.started?.host, at.started?.port], [true, '127.0.0.1', 0])
})

test('what is asked for reaches the plane', async () => {
  const { world: at } = world()
  const flags = [
    '--dir',
    '/s',
    '--host',
    '::',
    '--advertise',
    'plane.internal,10.0.0.1',
    '--trust-domain',
    'prod.test',
  ]
  const more = [
    '--dc',
    'eu',
    '--ca-cert',
    'c.pem',
    '--ca-key',
    'k.pem',
    '--svid-ttl',
    '12h',
    '--admin',
    'deploy, ci',
  ]
  const last = ['--hosts', '*.example.com', '--new-admin-token']
  await tulle(at, 'plane', ...flags, ...more, ...last)
  assert.deepEqual(at.started, {
    dir: '/s',
    port: 7400,
    host: '::',
    dev: false,
    advertise: ['plane.internal', '10.0.0.1'],
    trustDomain: 'prod.test',
    dc: 'eu',
    caCertFile: '/nowhere/c.pem',
    caKeyFile: '/nowhere/k.pem',
    svidTtlMs: 12 * 3_600_000,
    admins: ['deploy', 'ci'],
    policyHosts: ['*.example.com'],
    newAdminToken: true,
  })
})

test('a certificate without its key is refused before anything starts', async () => {
  const { world: at } = world()
  const { code, err } = await tulle(at, 'plane', '--ca-cert', 'c.pem')
  assert.deepEqual([code, at.started], [1, undefined])
  assert.match(err, /--ca-cert and --ca-key belong together/)
})

test('a port that is none is asked wrongly', async () => {
  assert.equal((await tulle(world().world, 'plane', '--port', '70000')).code, 2)
})
