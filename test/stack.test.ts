import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING_TO_CANCEL } from '../src/core/hop.ts'
import { builtInPlan } from '../src/policy/compile.ts'
import { createGate } from '../src/resilience/gate.ts'
import { buildEndpoint, buildInbound, buildRoute, policyPieces } from '../src/stack.ts'
import { makeDeps } from './kit/builders.ts'
import { makeTable } from './kit/table.ts'

const plan = builtInPlan('orders', policyPieces)
const roles = (layers: readonly { role: string }[]): string[] => layers.map(({ role }) => role)

test('outbound, the built order is the order of the design', () => {
  const { layers } = buildRoute(plan.params, makeDeps())
  assert.deepEqual(roles(layers), ['trace', 'meter', 'cancel', 'deadline', 'limit', 'ready', 'retry', 'pick'])
})

test('a breaker and a try-timeout are there only where policy asks for them', () => {
  const asked = {
    ...plan.params,
    breaker: { errorThreshold: 0.5, minRequests: 20, openFor: 10_000, window: 10_000 },
    retry: { ...(plan.params.retry as object), tryTimeout: 500 },
  }
  const { layers } = buildRoute(asked, makeDeps())
  assert.deepEqual(roles(layers), [
    'trace',
    'meter',
    'cancel',
    'deadline',
    'limit',
    'ready',
    'breaker',
    'retry',
    'try-timeout',
    'pick',
  ])
})

test('below the waist every endpoint has its own layers', () => {
  const { table } = makeTable(1)
  const deps = { ...makeDeps(), service: table, endpoint: table.endpoints[0]! }
  const { layers } = buildEndpoint(() => NOTHING_TO_CANCEL, plan.params, deps)
  assert.deepEqual(roles(layers), ['trace-try', 'meter-try', 'outlier', 'load', 'leaf'])
})

test('inbound, refusals are counted and traced, and a late request costs nothing', () => {
  const { layers } = buildInbound(createGate(), () => NOTHING_TO_CANCEL, makeDeps())
  assert.deepEqual(roles(layers), ['gate', 'trace', 'meter', 'deadline', 'leaf'])
})

test('every line says why it stands where it stands', () => {
  for (const { role, why } of buildRoute(plan.params, makeDeps()).layers) assert.ok(why.length > 20, role)
})

test('each key of the policy document has one owner', () => {
  const keys = policyPieces.map(({ key }) => key)
  assert.deepEqual(keys, [...new Set(keys)])
  assert.deepEqual([...keys].sort(), [
    'balance',
    'breaker',
    'connect',
    'limit',
    'lookup',
    'mtls',
    'outlier',
    'retry',
    'timeout',
  ])
})
