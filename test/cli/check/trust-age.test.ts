import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkTrustAge } from '../../../src/cli/check/trust-age.ts'

test('a bundle that nobody confirmed for a day is a warning', () => {
  assert.deepEqual(checkTrustAge(0, 1, 60_000).verdict, 'pass')
  const { verdict, says } = checkTrustAge(0, 2, 3 * 86_400_000)
  assert.equal(verdict, 'warn')
  assert.equal(says, 'the trust bundle (2 roots) was confirmed by the plane 3 d ago')
})
