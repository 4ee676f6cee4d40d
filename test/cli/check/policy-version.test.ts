import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPolicyVersion } from '../../../src/cli/check/policy-version.ts'

test('kept and newest are the same, or it is said which is older and what that means', () => {
  assert.equal(checkPolicyVersion(7, 7)?.verdict, 'pass')
  assert.match(checkPolicyVersion(6, 7)?.hint ?? '', /tulle policy status/)
  assert.match(checkPolicyVersion(8, 7)?.hint ?? '', /older backup/)
})

test('one that is not known is said to be so, and two make no line', () => {
  assert.equal(checkPolicyVersion(undefined, 7)?.verdict, 'warn')
  assert.match(checkPolicyVersion(7, undefined)?.says ?? '', /was not asked/)
  assert.equal(checkPolicyVersion(undefined, undefined), undefined)
})
