import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Descent } from '../../src/resilience/descent.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok } from '../kit/outcomes.ts'

const scene = () => ({
  way: new Descent(),
  below: new ScriptedHop<string>(new ManualClock()),
  top: new Recorder(),
})
const gone = { kind: 'caller', error: new Error('gone') } as const

test('a cancel after the descent goes straight down', () => {
  const { way, below, top } = scene()
  assert.equal(way.entered, false)
  way.enter(below.hop, 'unit', top)
  assert.equal(way.entered, true)
  way.cancel(gone)
  assert.equal(below.last.cancelledBy, gone)
  assert.equal(top.ended, true)
})

test('a cancel in the middle of it is passed on as soon as there is somebody to pass it to', () => {
  const { way, below, top } = scene()
  top.onHead = () => way.cancel(gone)
  below.onArrival = (arrival) => arrival.head(ok())
  way.enter(below.hop, 'unit', top)
  assert.equal(below.last.cancelledBy, gone)
  assert.equal(top.outcome?.class, 'ignored')
})
