import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble } from '../src/assembly.ts'
import { readConfig } from '../src/config.ts'
import type { ServicePlan, Snapshot } from '../src/core/plan.ts'
import { builtInPlan, compile } from '../src/policy/compile.ts'
import { policyPieces } from '../src/stack.ts'
import { makeCall } from './kit/builders.ts'

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

test('a call that enters the stack of another service takes the route of its protocol', () => {
  const { runtime, endpoints } = world()
  const plan = builtInPlan('orders', policyPieces)
  const asked: unknown[] = []
  const listening: ServicePlan = {
    ...plan,
    routes: plan.routes,
    route: (...call) => {
      asked.push(call)
      return plan.route(...call)
    },
  }
  runtime.apply({ version: 'v1', hosts: new Map(), services: new Map([['orders', listening]]) })
  const enter = runtime.deps(endpoints.get('orders')!).enter({ service: 'orders' })
  const cancel = enter(makeCall<unknown>({ protocol: 'grpc', method: 'POST', path: '/a.B/C' }), {
    head: () => 'discard',
    end() {},
  })
  cancel({ kind: 'caller', error: undefined })
  assert.deepEqual(asked, [['POST', '/a.B/C', 'grpc']])
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
