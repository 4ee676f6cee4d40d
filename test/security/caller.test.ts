import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callerOf } from '../../src/security/caller.ts'
import { PEER } from '../kit/intentions.ts'

test('a SPIFFE ID of Consul names partition, namespace and service', () => {
  assert.deepEqual(callerOf(`${PEER}/ns/default/dc/dc1/svc/web`), {
    partition: 'default',
    namespace: 'default',
    service: 'web',
  })
  assert.deepEqual(callerOf(`${PEER}/ap/blue/ns/team/dc/dc2/svc/web`), {
    partition: 'blue',
    namespace: 'team',
    service: 'web',
  })
})

test('an ID of another shape names nobody', () => {
  for (const id of [
    `${PEER}/web`,
    `${PEER}/ns/default/dc/dc1/svc/`,
    `${PEER}/ns/default/dc/dc1/svc/web/x`,
    `${PEER}/ns/default/svc/web`,
    `${PEER}/agent/client/dc/dc1/id/x`,
    `${PEER}/gateway/mesh/dc/dc1`,
    'spiffe:///ns/default/dc/dc1/svc/web',
    `x${PEER}/ns/default/dc/dc1/svc/web`,
  ])
    assert.equal(callerOf(id), undefined, id)
})
