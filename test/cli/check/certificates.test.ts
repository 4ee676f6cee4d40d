import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCertificate } from '../../../src/cli/check/certificates.ts'
import { TestCa } from '../../kit/certificates.ts'
import { NOW } from '../../kit/command.ts'

const HOUR = 3_600_000
const ca = TestCa.create({ wall: () => NOW, lifetimeMs: 30 * 24 * HOUR })

test('a leaf: good, late with its renewal, over, not begun', () => {
  const leaf = (lifetimeMs: number, backdateMs: number) =>
    checkCertificate('certificate', ca.issue({ lifetimeMs, backdateMs }).der, true, NOW)
  assert.equal(leaf(20 * HOUR, 4 * HOUR).verdict, 'pass')
  assert.match(leaf(5 * HOUR, 19 * HOUR).hint ?? '', /should have been renewed/)
  // Dated back by five minutes, and half of its thirty seconds left: it is young.
  assert.equal(leaf(15_000, 315_000).verdict, 'pass')
  assert.equal(leaf(5_000, 325_000).verdict, 'warn')
  const over = leaf(-HOUR, 24 * HOUR)
  assert.equal(over.verdict, 'fail')
  assert.match(
    over.says,
    /\(spiffe:\/\/test\.example\/.*\/svc\/orders\) has expired at 2026-11-21 05:00:00Z, 60 min ago/,
  )
  assert.match(leaf(HOUR, -HOUR / 2).hint ?? '', /clocks/)
})

test('a root is warned of a week ahead, and says that it must be rotated', () => {
  const root = (leftMs: number) =>
    checkCertificate('root', TestCa.create({ wall: () => NOW, lifetimeMs: leftMs }).certificate, false, NOW)
  assert.equal(root(300 * 24 * HOUR).verdict, 'pass')
  const near = root(6 * 24 * HOUR)
  assert.equal(near.verdict, 'warn')
  assert.match(near.hint ?? '', /tulle ca rotate/)
})

test('what is no certificate', () => {
  assert.match(checkCertificate('certificate', new Uint8Array([1, 2]), true, NOW).says, /cannot be read/)
})
