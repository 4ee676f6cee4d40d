import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bans } from '../../../src/plane/access/bans.ts'
import { ScriptedStore } from '../scripted-store.ts'

const wall = (): number => 1_800_000_000_000

test('a ban outlives a restart, is told once, and is lifted by name', async () => {
  const store = new ScriptedStore()
  const bans = await Bans.open({ store, wall })
  let changes = 0
  bans.onChange(() => changes++)
  await bans.ban('orders', 'its key was in a log')
  await bans.ban('orders')
  assert.equal(changes, 1)
  const after = await Bans.open({ store, wall })
  assert.deepEqual(after.list(), [{ service: 'orders', sinceMs: wall(), reason: 'its key was in a log' }])
  await after.unban('orders')
  assert.equal((await Bans.open({ store, wall })).has('orders'), false)
  await assert.rejects(after.unban('orders'), /is not banned/)
})

test('bans asked for at one moment are all kept', async () => {
  const store = new ScriptedStore()
  const bans = await Bans.open({ store, wall })
  await Promise.all(['a', 'b', 'c', 'd'].map((service) => bans.ban(service)))
  const after = await Bans.open({ store, wall })
  assert.deepEqual(
    after.list().map(({ service }) => service),
    ['a', 'b', 'c', 'd'],
  )
})

test('a ban that cannot be written is not in force, and the next one is not held up by it', async () => {
  const store = new ScriptedStore()
  const bans = await Bans.open({ store, wall })
  store.full = true
  await assert.rejects(bans.ban('orders'), { code: 'TULLE_STATE' })
  assert.equal(bans.has('orders'), false)
  store.full = false
  await bans.ban('billing')
  assert.deepEqual(
    bans.list().map(({ service }) => service),
    ['billing'],
  )
})

test('a list of bans that cannot be read stops the plane instead of lifting them', async () => {
  const store = new ScriptedStore()
  store.content.set('access/bans', Buffer.from('{"half'))
  await assert.rejects(Bans.open({ store, wall }), { code: 'TULLE_STATE' })
})

test('the plane itself, and what is no name, cannot be banned', async () => {
  const bans = await Bans.open({ store: new ScriptedStore(), wall })
  await assert.rejects(bans.ban('tulle-plane'), /own name/)
  await assert.rejects(bans.ban('../x'), /no service name/)
})
