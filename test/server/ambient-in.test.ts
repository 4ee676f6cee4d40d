import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { remaining } from '../../src/server/ambient-in.ts'

const read = (timeout: readonly string[], grpcTimeout: readonly string[] = []): number | undefined =>
  remaining({ timeout, grpcTimeout })

test('the remaining time is read in milliseconds, and in every unit of gRPC', () => {
  assert.equal(read(['250']), 250)
  assert.equal(read(['0']), 0)
  const units: readonly (readonly [string, number])[] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
  ]
  for (const [text, ms] of units) assert.ok(Math.abs((read([], [text]) ?? 0) - ms) < 1e-9, text)
})

test('of several the shortest holds, so that nobody on the way can lengthen it', () => {
  assert.equal(read(['300', '200']), 200)
  assert.equal(read(['300'], ['100m']), 100)
  assert.equal(read(['50'], ['100m']), 50)
})

test('what cannot be read says nothing', () => {
  for (const bad of ['', '-1', '1.5', '1e3', 'Infinity', 'NaN', '0x10', ' 5', '99999999999'])
    assert.equal(read([bad]), undefined, bad)
  for (const bad of ['', '5', '5s', '123456789S', '-5S', 'S']) assert.equal(read([], [bad]), undefined, bad)
  assert.equal(read(['bad', '70']), 70)
})

test('no text makes anything but a finite time that is not negative', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (timeout, grpcTimeout) => {
      const ms = read(timeout, grpcTimeout)
      assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0))
    }),
  )
})
