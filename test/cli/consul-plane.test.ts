import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunningConsulPlane } from '../../src/cli/world.ts'
import { FakeWorld, tokenText, tulle } from '../kit/command.ts'

function world(more: Partial<RunningConsulPlane> = {}): FakeWorld {
  const made = new FakeWorld()
  made.consulPlane = {
    url: 'https://127.0.0.1:7400',
    store: 'consul://127.0.0.1:8500/tulle',
    adminToken: undefined,
    adminTokenFile: undefined,
    adminTokenShown: '/var/lib/tulle/admin-token, on web-1',
    close: async () => {},
    ...more,
  }
  return made
}

test('a plane in Consul says where its state is, and where the admin token of all replicas was shown', async () => {
  const { code, out, err } = await tulle(world(), 'plane', '--store', 'consul:///tulle')
  assert.equal(
    out,
    'the plane listens on https://127.0.0.1:7400, its state is in consul://127.0.0.1:8500/tulle\nthe admin token was shown before: /var/lib/tulle/admin-token, on web-1\n',
  )
  assert.deepEqual([code, err], [0, 'SIGTERM: the plane is closing\n'])
})

test('the admin token is shown once: its file where there is a directory, else itself', async () => {
  const adminToken = tokenText('admin')
  const bare = await tulle(world({ adminToken }), 'plane', '--store', 'consul:///tulle')
  assert.match(bare.out, new RegExp(`^TULLE_ADMIN_TOKEN=${adminToken}$`, 'm'))
  const kept = world({ adminToken, adminTokenFile: '/s/admin-token' })
  const { out } = await tulle(kept, 'plane', '--store', 'consul:///tulle', '--dir', '/s')
  assert.match(out, /^the admin token is in \/s\/admin-token$/m)
  assert.doesNotMatch(out, /tulle_admin_/)
})

test('the agent is where the variables of Consul say, and a directory is used only where one is named', async () => {
  const at = world()
  at.env = { CONSUL_HTTP_ADDR: 'http://10.0.0.1:8500', CONSUL_HTTP_TOKEN: 'secret', TULLE_MTLS: 'nonsense' }
  await tulle(at, 'plane', '--store', 'consul:///tulle', '--admin', 'ci', '--advertise', 'a,b')
  const { agent, ...rest } = at.consulStarted!
  assert.deepEqual([agent.address, agent.token, agent.sslVerify], ['http://10.0.0.1:8500', 'secret', true])
  const { store, dir, port, admins, advertise, newAdminToken } = rest
  assert.deepEqual(
    [store, dir, port, admins, advertise, newAdminToken],
    ['consul:///tulle', undefined, 7400, ['ci'], ['a', 'b'], false],
  )
  await tulle(at, 'plane', '--store', 'consul:///tulle', '--dir', 'state')
  assert.equal(at.consulStarted?.dir, '/nowhere/state')
})

test('what Connect does is refused as an option, saying whose word it is', async () => {
  for (const [option, value] of [
    ['--trust-domain', 'prod.test'],
    ['--dc', 'eu'],
    ['--svid-ttl', '1h'],
    ['--ca-cert', 'c.pem'],
  ] as const) {
    const at = world()
    const { code, err } = await tulle(at, 'plane', '--store', 'consul:///tulle', option, value)
    assert.deepEqual([code, at.consulStarted], [1, undefined])
    assert.match(err, new RegExp(`with --store consul:// there is no ${option}: .*(Consul|Connect)`))
  }
  assert.match((await tulle(world(), 'plane', '--store', 'consul:///tulle', '--dev')).err, /no --dev/)
})
