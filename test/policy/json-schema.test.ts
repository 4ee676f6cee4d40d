import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { acceptedKeys, POLICY_SCHEMA_ID, policyJsonSchema } from '../../src/policy/json-schema.ts'
import { PIECES } from '../kit/policy.ts'

const schema = policyJsonSchema(PIECES)
const accepts = (yaml: string): boolean =>
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(parse(yaml)).success

test('the published schema says which draft and which schema it is', () => {
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
  assert.equal(schema.$id, POLICY_SCHEMA_ID)
})

test('the published schema describes what is written, not what it becomes', () => {
  assert.ok(accepts('{version: 1, defaults: {timeout: 15s, retry: {limit: 2, budget: {ratio: 20%}}}}'))
  assert.ok(
    accepts('{version: 1, services: {orders: {endpoints: [a:1, {address: a:2, weight: 2}], retry: false}}}'),
  )
  assert.ok(!accepts('{version: 1, servises: {}}'))
  assert.ok(!accepts('{version: 1, services: {orders: {timeout: 500}}}'))
  assert.ok(!accepts('{version: 1, services: {orders: {routes: [{match: {path: /a}, fuse: {}}]}}}'))
  assert.ok(!accepts('{version: 1, services: {Orders: {}}}'))
  assert.ok(!accepts('{services: {}}'))
})

test('every key of a service has words for the editor', () => {
  const service = (schema.properties?.services?.additionalProperties ?? {}) as typeof schema
  for (const key of ['hosts', 'endpoints', 'routes', 'cancel'])
    assert.equal(typeof service.properties?.[key]?.description, 'string', key)
})

test('the keys accepted at a place are found through lists, names and alternatives', () => {
  assert.deepEqual(acceptedKeys(schema, []), ['version', 'defaults', 'services'])
  assert.deepEqual(acceptedKeys(schema, ['services', 'orders', 'routes', 3, 'match']), [
    'path',
    'method',
    'grpc',
  ])
  assert.deepEqual(acceptedKeys(schema, ['services', 'x', 'retry', 'backoff']), ['base', 'max'])
  assert.deepEqual(acceptedKeys(schema, ['services', 'x', 'timeout', 'y']), [])
})
