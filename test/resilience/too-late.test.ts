import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { tooLate } from '../../src/resilience/too-late.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'

layerContract('too-late', 'call', (deps) => tooLate.layer(undefined, deps)!)
layerContract('too-late with a deadline', 'call', (deps) => tooLate.layer(undefined, deps)!, {
  call: () => ({ ambient: { deadline: 1_000_100 } }),
})

function arrive(deadline: number | undefined) {
  const deps = makeDeps()
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const call = makeCall({ ambient: { deadline } })
  const top = new Recorder().send(tooLate.layer(undefined, deps)!(below.hop), call)
  return { call, below, top }
}

test('a request whose caller has given up is refused before it costs anything', () => {
  const { below, top } = arrive(1_000_000)
  assert.equal(below.arrived.length, 0)
  assert.equal(top.outcome?.error?.code, 'TULLE_TOO_LATE')
  assert.equal(top.outcome.error.refusal, true)
})

test('one that is in time is served, and the call knows until when', () => {
  const { call, below } = arrive(1_000_001)
  assert.equal(below.arrived.length, 1)
  assert.equal(call.deadline, 1_000_001)
})

test('one without a deadline is served', () => {
  const { call, below } = arrive(undefined)
  assert.equal(below.arrived.length, 1)
  assert.equal(call.deadline, Number.POSITIVE_INFINITY)
})
