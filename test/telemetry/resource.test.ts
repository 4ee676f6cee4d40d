import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resourceFrom } from '../../src/telemetry/resource.ts'

const nameIn = (env: object, service?: string): unknown =>
  resourceFrom(env, service).attributes['service.name']

test('the option names the service, then OpenTelemetry’s variables, then ours', () => {
  const env = {
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=four',
    TULLE_SERVICE: 'three',
    OTEL_SERVICE_NAME: 'two',
  }
  assert.equal(nameIn(env, 'one'), 'one')
  assert.equal(nameIn(env), 'two')
  assert.equal(nameIn({ ...env, OTEL_SERVICE_NAME: undefined }), 'three')
  assert.equal(nameIn({ OTEL_RESOURCE_ATTRIBUTES: env.OTEL_RESOURCE_ATTRIBUTES }), 'four')
  assert.equal(nameIn({}), 'unknown_service:node')
})

test('attributes are percent-decoded, and one mistake voids them all', () => {
  const attributes = (text: string) => resourceFrom({ OTEL_RESOURCE_ATTRIBUTES: text }).attributes
  assert.equal(attributes('region=eu%2Fwest, zone=b').region, 'eu/west')
  assert.equal(attributes('region=eu, zone=b').zone, 'b')
  assert.equal(attributes('region=eu,zone').region, undefined)
  assert.equal(attributes('region=eu,zone=%zz').region, undefined)
})

test('a merge keeps both, the other stronger', () => {
  const merged = resourceFrom({}, 'one').merge(resourceFrom({ OTEL_RESOURCE_ATTRIBUTES: 'zone=b' }, 'two'))
  assert.equal(merged.attributes['service.name'], 'two')
  assert.equal(merged.attributes.zone, 'b')
})
