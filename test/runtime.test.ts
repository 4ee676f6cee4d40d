import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble } from '../src/assembly.ts'
import { readConfig } from '../src/config.ts'
import type { ServicePlan, Snapshot } from '../src/core/plan.ts'
import { builtInPlan, compile } from '../src/policy/compile.ts'
import { policyPieces } from '../src/stack.ts'

const world = () => {
  const config = readConfig({ service: 'web', log: 'silent', env: {} })
  return assemble(config, {
    start: async () => {},
    shutdown: async () => {},
    health: () => assert.fail('nobody asks'),
  })
}
const snapshot = (version: string, ...services: string[]): Snapshot =>
  compile([], policyPieces, { knownServices: services, version }).snapshot

test('a policy is put in force by one assignment, and an unchanged plan keeps its stacks', () => {
  const { runtime } = world()
  const first = snapshot('v1', 'orders')
  runtime.apply(first)
  const route = first.services.get('orders')!.route('GET', '/')
  const hop = runtime.stackFor(route)
  const second = compile([], policyPieces, {
    knownServices: ['orders', 'stock'],
    version: 'v2',
    previous: first,
  }).snapshot
  runtime.apply(second)
  assert.equal(runtime.snapshot, second)
  assert.equal(runtime.stackFor(route), hop)
  assert.ok(runtime.endpoints('stock'))
})

test('where a stack cannot be built nothing has changed', () => {
  const { runtime, endpoints } = world()
  const first = snapshot('v1', 'orders')
  runtime.apply(first)
  const broken = {
    ...builtInPlan('orders', policyPieces),
    get routes(): ServicePlan['routes'] {
      throw new Error('broken plan')
    },
  }
  const next: Snapshot = {
    version: 'v2',
    hosts: new Map(),
    services: new Map([['orders', broken as ServicePlan]]),
  }
  assert.throws(() => runtime.apply(next), /broken plan/)
  assert.equal(runtime.snapshot, first)
  assert.equal(endpoints.get('orders')!.plan, first.services.get('orders'))
})

test('a service that left the policy is forgotten; a call that found its route before still has a stack', () => {
  const { runtime } = world()
  const first = snapshot('v1', 'orders')
  runtime.apply(first)
  const route = first.services.get('orders')!.route('GET', '/')
  runtime.apply(snapshot('v2'))
  assert.equal(runtime.endpoints('orders'), undefined)
  assert.equal(typeof runtime.stackFor(route), 'function')
})
