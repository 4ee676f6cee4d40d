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
