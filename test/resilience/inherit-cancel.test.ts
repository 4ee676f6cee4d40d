import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Scope } from '../../src/core/ambient.ts'
import type { Call } from '../../src/core/call.ts'
import { inheritCancel } from '../../src/resilience/inherit-cancel.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps, makeRoute } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'

/** The life of a request in the hands of a test. */
class Life implements Scope {
  finished = false
  cancelled = false
  readonly children = new Set<() => void>()

  onCancel(fn: () => void): () => void {
    this.children.add(fn)
    return () => {
      this.children.delete(fn)
    }
  }

  leave(): void {
    this.cancelled = true
    for (const fn of [...this.children]) fn()
  }
}

let life = new Life()
layerContract('inherited cancel', 'call', (deps) => inheritCancel.layer(undefined, deps)!, {
  prepare: () => {
    life = new Life()
  },
  call: () => ({ ambient: { scope: life } }),
  happen: (n) => {
    if (n % 10 === 0) life.leave()
  },
})

function scene(more: Partial<Call<undefined>>, scope = new Life()) {
  const deps = makeDeps()
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const hop = inheritCancel.layer(undefined, deps)!(below.hop)
  const top = new Recorder().send(hop, makeCall({ ambient: { scope }, ...more }))
  return { scope, below, top }
}

test('a safe call dies with the request it serves', () => {
  const { scope, below, top } = scene({ method: 'GET' })
  scope.leave()
  assert.equal(below.last.cancelledBy?.kind, 'caller')
  assert.equal(top.outcome?.class, 'ignored')
  assert.equal(top.outcome.error?.code, 'TULLE_CANCELLED')
})

test('a write runs on, also an idempotent one', () => {
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const { scope, top } = scene({ method })
    scope.leave()
    assert.equal(top.ended, false, method)
    assert.equal(scope.children.size, 0)
  }
})

test('the route may call its writes safe, say all, or say none', () => {
  const dies = (method: string, route: Partial<ReturnType<typeof makeRoute>>): boolean => {
    const { scope, top } = scene({ method, route: makeRoute(route) })
    scope.leave()
    return top.ended
  }
  assert.equal(dies('POST', { idempotent: true }), true)
  assert.equal(dies('POST', { cancel: 'all' }), true)
  assert.equal(dies('GET', { cancel: 'none' }), false)
})

test('a request that has lost its caller makes no more safe calls', () => {
  const scope = new Life()
  scope.leave()
  const { below, top } = scene({}, scope)
  assert.equal(below.arrived.length, 0)
  assert.equal(top.outcome?.error?.code, 'TULLE_CANCELLED')
})

test('work left behind after the response is nobody else’s', () => {
  const scope = new Life()
  scope.finished = true
  const { top } = scene({}, scope)
  scope.leave()
  assert.equal(top.ended, false)
})

test('a call that has ended is forgotten by the request', () => {
  const { scope, below } = scene({})
  below.last.answer(ok())
  assert.equal(scope.children.size, 0)
})

test('between gRPC services every call goes with its caller, unless the route says otherwise', () => {
  const grpc = { protocol: 'grpc', method: 'POST' } as const
  const dies = (
    more: Partial<Call<undefined>>,
    route: Partial<ReturnType<typeof makeRoute>> = {},
  ): boolean => {
    const { scope, below, top } = scene({
      ...grpc,
      ...more,
      route: makeRoute({ cancel: undefined, ...route }),
    })
    scope.leave()
    assert.equal(below.last.cancelledBy?.kind, top.ended ? 'caller' : undefined)
    return top.ended
  }
  assert.equal(dies({ cancel: 'all' }), true)
  assert.equal(dies({ cancel: 'all' }, { cancel: 'safe' }), false)
  assert.equal(dies({ cancel: 'all' }, { cancel: 'safe', idempotent: true }), true)
  assert.equal(dies({ cancel: 'all' }, { cancel: 'none', idempotent: true }), false)
  assert.equal(dies({}), false, 'on behalf of an HTTP request: the safe ones')
  assert.equal(dies({}, { idempotent: true }), true)
  assert.equal(dies({}, { cancel: 'all' }), true)
})
