import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeWorld, tulle } from '../kit/command.ts'

const world = (): FakeWorld =>
  new FakeWorld({
    'GET /v1/services': {
      services: {
        stock: [{ address: '::1', port: 1, instances: 4, mtls: 'strict' }],
        orders: [
          { address: '10.0.0.1', port: 4001, instances: 1, version: '7', zone: 'a', protocol: 'http' },
        ],
        empty: [],
      },
    },
  })

test('services are listed by name, endpoint by endpoint', async () => {
  assert.deepEqual((await tulle(world(), 'services')).out.split('\n'), [
    'SERVICE  ENDPOINT       PROTOCOL  VERSION  ZONE  MTLS    INSTANCES',
    'empty    (none)',
    'orders   10.0.0.1:4001  http      7        a             1',
    'stock    [::1]:1                                 strict  4',
    '',
  ])
})

test('one service alone, for a program', async () => {
  assert.deepEqual(Object.keys(JSON.parse((await tulle(world(), 'services', 'stock', '--json')).out)), [
    'stock',
  ])
})

test('a name that nobody has registered is said, and is no mistake', async () => {
  const { code, out, err } = await tulle(world(), 'services', 'ordres', '--json')
  assert.deepEqual([code, JSON.parse(out), err], [0, {}, 'no service ordres is registered\n'])
})
