import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonText } from '../../src/discovery/json-text.ts'

test('writes what JSON.stringify writes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      assert.equal(await jsonText(value), JSON.stringify(value))
    }),
  )
  const value = {
    b: undefined,
    services: { orders: { endpoints: [{ port: 1, zone: undefined }] }, none: {} },
  }
  assert.equal(await jsonText(value), JSON.stringify(value))
})

test('a long list is written in slices', async () => {
  const value = { list: Array.from({ length: 1750 }, (_, port) => ({ port })) }
  let turns = 0
  let running = true
  const turn = (): void => {
    turns += 1
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  assert.equal(await jsonText(value), JSON.stringify(value))
  running = false
  assert.ok(turns >= 3, `${turns} turns`)
})
