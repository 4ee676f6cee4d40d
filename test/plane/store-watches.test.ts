import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreWatches } from '../../src/plane/store-watches.ts'

test('a change is told to who watches a prefix of its key, until he is removed', () => {
  const watches = new StoreWatches()
  const heard: string[] = []
  const stop = watches.add('policy/', () => heard.push('policy'))
  watches.add('', () => heard.push('all'))
  watches.changed('policy/1')
  watches.changed('bans')
  assert.deepEqual(heard, ['policy', 'all', 'all'])
  stop()
  stop()
  watches.changed('policy/2')
  assert.deepEqual(heard, ['policy', 'all', 'all', 'all'])
  watches.clear()
  watches.changed('policy/3')
  assert.equal(heard.length, 4)
})

test('who removes himself while he is told does not keep the others from it', () => {
  const watches = new StoreWatches()
  const heard: string[] = []
  const stop = watches.add('', () => {
    heard.push('once')
    stop()
  })
  watches.add('', () => heard.push('always'))
  watches.changed('a')
  watches.changed('b')
  assert.deepEqual(heard, ['once', 'always', 'always'])
})
