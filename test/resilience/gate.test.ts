import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { createGate } from '../../src/resilience/gate.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'

layerContract('gate', 'call', () => createGate().layer)

function scene() {
  const gate = createGate()
  const below = new ScriptedHop<Call<undefined>>(new ManualClock())
  const hop = gate.layer(below.hop)
  return { gate, below, enter: () => new Recorder().send(hop, makeCall()) }
}

test('a request is in flight until its end', () => {
  const { gate, below, enter } = scene()
  enter()
  enter()
  assert.equal(gate.inFlight, 2)
  below.last.head(ok())
  assert.equal(gate.inFlight, 2)
  below.last.end(ok())
  assert.equal(gate.inFlight, 1)
})

test('once it refuses, newcomers are turned away and those inside finish', () => {
  const { gate, below, enter } = scene()
  const inside = enter()
  gate.refuse()
  const outside = enter()
  assert.equal(outside.outcome?.error?.code, 'TULLE_DRAINING')
  assert.equal(gate.inFlight, 1)
  below.last.answer(ok())
  assert.equal(inside.outcome?.class, 'success')
})

test('who waits for quiet is told once, at the last end, or at once where it is quiet', () => {
  const { gate, below, enter } = scene()
  let told = 0
  gate.onIdle(() => told++)
  assert.equal(told, 1)
  enter()
  enter()
  gate.onIdle(() => told++)
  gate.onIdle(() => assert.fail('it was taken back'))()
  below.arrived[0]!.answer(ok())
  assert.equal(told, 1)
  below.arrived[1]!.answer(ok())
  assert.equal(told, 2)
  enter()
  below.last.answer(ok())
  assert.equal(told, 2)
})
