import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultIn } from '../../src/control/consul-default.ts'

const said = (config: object): string => {
  const { allow, why } = defaultIn({ Config: {}, DebugConfig: config })
  return `${allow ? 'allow' : 'deny'}: ${why}`
}

test('Consul 1.8 says the ACL policy at the top', () => {
  assert.equal(said({ ACLsEnabled: false, ACLDefaultPolicy: 'allow' }), 'allow: ACLs are off')
  assert.equal(said({ ACLsEnabled: true, ACLDefaultPolicy: 'deny' }), 'deny: the ACL default policy is deny')
  assert.equal(
    said({ ACLsEnabled: true, ACLDefaultPolicy: 'allow' }),
    'allow: the ACL default policy is allow',
  )
})

test('later ones say it among the settings of the resolver', () => {
  const newer = (ACLDefaultPolicy: string, DefaultIntentionPolicy = '') => ({
    ACLsEnabled: true,
    ACLResolverSettings: { ACLDefaultPolicy, ACLDownPolicy: 'extend-cache' },
    DefaultIntentionPolicy,
  })
  assert.equal(said(newer('allow')), 'allow: the ACL default policy is allow')
  assert.equal(said(newer('deny')), 'deny: the ACL default policy is deny')
  assert.equal(said(newer('allow', 'deny')), 'deny: default_intention_policy is deny')
  assert.equal(said(newer('deny', 'allow')), 'allow: default_intention_policy is allow')
})

test('intentions may be denied by default where ACLs are off', () => {
  assert.equal(
    said({ ACLsEnabled: false, DefaultIntentionPolicy: 'deny' }),
    'deny: default_intention_policy is deny',
  )
})

test('what is not told, or is another word, is deny', () => {
  assert.equal(said({ ACLsEnabled: true }), 'deny: the ACL default policy is not told')
  assert.equal(
    said({ ACLsEnabled: true, ACLDefaultPolicy: 'extend' }),
    'deny: the ACL default policy is extend',
  )
  for (const self of [undefined, null, {}, { DebugConfig: {} }, { DebugConfig: { ACLsEnabled: 'no' } }])
    assert.match(defaultIn(self).why, /not? .*understood|no ACL policy/)
  assert.equal(defaultIn({}).allow, false)
})
