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

test('a call that waits until something is ready waits beyond the built-in bound, for as long as its caller does', () => {
  const deps = makeDeps()
  deps.service.ready = false
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const hop = deadline.layer(undefined, deps)!(ready.layer(undefined, deps)!(below.hop))
  const waiting = { protocol: 'grpc', options: { waitForReady: true } } as const
  const patient = new Recorder().send(hop, makeCall({ ...waiting, builtInCovers: 'nothing' }))
  const usual = new Recorder().send(hop, makeCall({ protocol: 'grpc', builtInCovers: 'sent' }))
  deps.clock.advance(60_000)
  assert.equal(patient.ended, false)
  assert.equal(usual.outcome?.error?.code, 'TULLE_NOT_READY')
  deps.service.becomeReady()
  below.last.answer(ok())
  assert.equal(patient.outcome?.class, 'success')
  assert.equal(deps.clock.armed, 0)
})
