import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { deadline } from '../../src/resilience/deadline.ts'
import { ready } from '../../src/resilience/ready.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'

layerContract('ready', 'call', (deps) => ready.layer(undefined, deps)!, {
  happen: (n, { service }) => {
    if (n % 2 === 0) service.ready = false
    else service.becomeReady()
  },
})

function scene(isReady: boolean) {
  const deps = makeDeps()
  deps.service.ready = isReady
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const hop = deadline.layer(300, deps)!(ready.layer(undefined, deps)!(below.hop))
  return { deps, below, hop }
}

test('calls wait for the first endpoint set and go down as it arrives', () => {
  const { deps, below, hop } = scene(false)
  const tops = [1, 2, 3].map(() => new Recorder().send(hop, makeCall()))
  assert.equal(below.arrived.length, 0)
  deps.clock.advance(100)
  deps.service.becomeReady()
  assert.equal(below.arrived.length, 3)
  for (const arrival of below.arrived) arrival.answer(ok())
  assert.ok(tops.every((top) => top.outcome?.class === 'success'))
})

test('a call whose time runs out while it waits says that nothing was ready', () => {
  const { deps, below, hop } = scene(false)
  const top = new Recorder().send(hop, makeCall())
  deps.clock.advance(300)
  assert.equal(top.outcome?.error?.code, 'TULLE_NOT_READY')
  assert.equal(top.outcome.class, 'ignored')
  assert.match(String(top.outcome.error.cause), /not finished within 300 ms/)
  assert.equal(deps.service.waiting, 0)
  deps.service.becomeReady()
  assert.equal(below.arrived.length, 0)
})

test('a caller that leaves while it waits is forgotten', () => {
  const { deps, hop } = scene(false)
  const top = new Recorder().send(hop, makeCall())
  top.cancel('caller')
  assert.equal(top.outcome?.class, 'ignored')
  assert.equal(top.outcome.error, undefined)
  assert.equal(deps.service.waiting, 0)
})

test('after the wait a cancel reaches the call below', () => {
  const { deps, below, hop } = scene(false)
  const top = new Recorder().send(hop, makeCall())
  deps.service.becomeReady()
  top.cancel('closing')
  assert.equal(below.last.cancelledBy?.kind, 'closing')
  assert.equal(top.ended, true)
})

test('a caller that leaves as the set arrives and its answer with it is gone', () => {
  const { deps, below, hop } = scene(false)
  const top = new Recorder()
  top.onHead = () => top.cancel('caller')
  below.onArrival = (arrival) => arrival.head(ok())
  top.send(hop, makeCall())
  deps.service.becomeReady()
  assert.equal(top.outcome?.class, 'ignored')
  assert.equal(below.live.length, 0)
})
