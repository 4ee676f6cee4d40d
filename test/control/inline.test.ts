import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InlinePolicy } from '../../src/control/inline.ts'
import { LOCAL_NAMES } from '../../src/policy/hosts.ts'
import { createParser } from '../../src/policy/parse.ts'

const parse = createParser({ pieces: [], allowedHosts: LOCAL_NAMES })

test('a policy given as a value is there after the start', async () => {
  const feed = new InlinePolicy({ version: 1, services: { orders: { hosts: ['orders.internal'] } } }, parse)
  assert.equal(feed.current, undefined)
  await feed.start()
  assert.deepEqual([...feed.current!.documents[0]!.services.keys()], ['orders'])
  assert.match(feed.current!.version, /^[0-9a-f]{12}$/)
})

test('a mistake in it stops the start and is named', async () => {
  const feed = new InlinePolicy({ version: 1, servces: {} }, parse)
  await assert.rejects(feed.start(), { code: 'TULLE_POLICY', message: /servces.*\(option policy\)/ })
})

test('what is no plain data is a mistake of policy, however it is broken', async () => {
  const cyclic: Record<string, unknown> = { version: 1 }
  cyclic.services = cyclic
  let deep: object = {}
  for (let i = 0; i < 100_000; i++) deep = { deep }
  const hostile: readonly object[] = [
    cyclic,
    deep,
    { version: 1n },
    { version: 1, defaults: { timeout: () => 1 } },
    { toJSON: () => undefined },
    {
      get version(): number {
        throw new Error('a getter\nthat throws')
      },
    },
    new Proxy(
      {},
      {
        ownKeys() {
          throw 'no error at all'
        },
      },
    ),
  ]
  for (const value of hostile)
    await assert.rejects(new InlinePolicy(value, parse).start(), {
      code: 'TULLE_POLICY',
      message: /^expected plain data.*\(option policy\)$/,
    })
})

test('keys that reach for prototypes are named in a value as in a file', async () => {
  const value = JSON.parse('{"version":1,"services":{"__proto__":{}}}') as object
  await assert.rejects(new InlinePolicy(value, parse).start(), {
    code: 'TULLE_POLICY',
    message: /__proto__.*never accepted/,
  })
})
