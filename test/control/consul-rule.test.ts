import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ruleFor } from '../../src/control/consul-rule.ts'

test('the rule a request needs is said in Consul’s own language', () => {
  const cases: readonly [Parameters<typeof ruleFor>, string | undefined][] = [
    [
      ['GET', '/v1/health/connect/a%2Fb'],
      'service "a/b" { policy = "read" } and node_prefix "" { policy = "read" }',
    ],
    [
      ['GET', '/v1/catalog/services'],
      'service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }',
    ],
    [
      ['GET', '/v1/connect/intentions/match', { name: 'web' }],
      'service "web" { policy = "read", intentions = "read" }',
    ],
    [['GET', '/v1/agent/connect/ca/leaf/web'], 'service "web" { policy = "write" }'],
    [['GET', '/v1/agent/connect/ca/roots'], undefined],
    [['PUT', '/v1/agent/service/register'], 'service "<its name>" { policy = "write" }'],
    [['PUT', '/v1/agent/check/update/one'], 'service "<its name>" { policy = "write" }'],
    [['GET', '/v1/agent/services'], 'service "<its name>" { policy = "read" }'],
    [['GET', '/v1/agent/self'], 'agent "<its node>" { policy = "read" }'],
    [['GET', '/v1/kv/tulle/', { recurse: '' }], 'key_prefix "tulle/" { policy = "read" }'],
    [['PUT', '/v1/kv/tulle/mesh.yaml'], 'key "tulle/mesh.yaml" { policy = "write" }'],
    [['GET', '/v1/kv/%'], 'key "%" { policy = "read" }'],
    [['GET', '/v1/config/service-router'], 'service_prefix "" { policy = "read" }'],
    [['GET', '/v1/config/service-router/web'], 'service "web" { policy = "read" }'],
    [['GET', '/v1/config/proxy-defaults'], 'operator = "read"'],
    [['PUT', '/v1/session/create'], 'session_prefix "" { policy = "write" }'],
    [['GET', '/v1/nowhere'], undefined],
  ]
  for (const [request, rule] of cases) assert.equal(ruleFor(...request), rule, request.join(' '))
})

test('whatever is asked for, the hint is made without an error', () => {
  fc.assert(
    fc.property(fc.constantFrom('GET' as const, 'PUT' as const), fc.string(), (method, path) => {
      const rule = ruleFor(method, path)
      assert.ok(rule === undefined || rule.includes('"'))
    }),
  )
})
