import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import type { Ambient } from '../../src/core/ambient.ts'
import type { Call } from '../../src/core/call.ts'
import { deadline, timeoutPiece } from '../../src/resilience/deadline.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { ok, undecided } from '../kit/outcomes.ts'

layerContract('deadline with a timeout', 'call', (deps) => deadline.layer(100, deps)!)
layerContract('deadline built in', 'call', (deps) => deadline.layer(undefined, deps)!)
layerContract('deadline until it is sent', 'call', (deps) => deadline.layer(undefined, deps)!, {
  call: (n) => ({ builtInCovers: (['sent', 'nothing', 'head'] as const)[n % 3], underway: n % 2 === 0 }),
})
layerContract('deadline inherited', 'call', (deps) => deadline.layer(500, deps)!, {
  call: (n, { clock }) => ({ ambient: { deadline: clock.now() + ((n + 1) % 3) * 50 } }),
})

function scene(timeoutMs: number | undefined, more: Partial<Call<undefined>> = {}) {
  const deps = makeDeps()
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const call = makeCall(more)
  const top = new Recorder()
  const send = () => top.send(deadline.layer(timeoutMs, deps)!(below.hop), call)
  return { deps, clock: deps.clock, below, call, top, send }
}

test('a timeout of the route covers the call to its last byte', () => {
  const { clock, below, call, top, send } = scene(200)
  send()
  assert.equal(call.deadline, clock.now() + 200)
  assert.equal(call.covers, 'call')
  below.last.head(ok())
  clock.advance(199)
  assert.equal(top.ended, false)
  clock.advance(1)
  assert.equal(below.last.cancelledBy?.kind, 'deadline')
  assert.equal(top.outcome?.error?.code, 'TULLE_DEADLINE')
  assert.match(top.outcome.error.message, /within 200 ms \(the timeout of route orders\)/)
})

test("the call's own timeout replaces the route's, longer or shorter", () => {
  for (const timeoutMs of [50, 900]) {
    const { clock, call, top, send } = scene(200, { options: { timeoutMs } })
    send()
    assert.equal(call.deadline, clock.now() + timeoutMs)
    clock.advance(timeoutMs)
    assert.match(
      top.outcome?.error?.message ?? '',
      new RegExp(`within ${timeoutMs} ms \\(the call's own timeout\\)`),
    )
  }
})

test('an inherited deadline caps both', () => {
  for (const options of [{}, { timeoutMs: 500 }]) {
    const { clock, call, top, send } = scene(200, { options, ambient: { deadline: 1_000_080 } })
    send()
    assert.equal(call.deadline, clock.now() + 80)
    assert.equal(call.covers, 'call')
    clock.advance(80)
    assert.match(top.outcome?.error?.message ?? '', /80 ms left of the request being handled/)
  }
})

test('an inherited deadline later than the own timeout changes nothing', () => {
  const { clock, call, top, send } = scene(200, { ambient: { deadline: 1_000_900 } })
  send()
  assert.equal(call.deadline, clock.now() + 200)
  clock.advance(200)
  assert.match(top.outcome?.error?.message ?? '', /the timeout of route/)
})

test('an inherited deadline is a word: the built-in bound does not apply beside it', () => {
  const { clock, call, top, send } = scene(undefined, { ambient: { deadline: 1_060_000 } })
  send()
  assert.equal(call.covers, 'call')
  clock.advance(59_999)
  assert.equal(top.ended, false)
  clock.advance(1)
  assert.equal(top.outcome?.condition, 'deadline')
})

test('the deadline of a finished request no longer applies to work left behind', () => {
  const scope = { finished: true, cancelled: false, onCancel: () => () => {} }
  const ambient: Ambient = { deadline: 1_000_010, scope }
  const { clock, call, send } = scene(undefined, { ambient })
  send()
  assert.equal(call.deadline, clock.now() + 15_000)
  assert.equal(call.covers, 'head')
})

test('where nobody said anything the bound is 15 s and ends at the head', () => {
  const { clock, below, call, top, send } = scene(undefined)
  send()
  assert.equal(call.covers, 'head')
  below.last.head(ok())
  assert.equal(clock.armed, 0)
  clock.advance(3_600_000)
  assert.equal(top.ended, false)
  below.last.end(ok())
})

test('the built-in bound says that it is one when it fires', () => {
  const { clock, top, send } = scene(undefined)
  send()
  clock.advance(15_000)
  assert.match(top.outcome?.error?.message ?? '', /no head within 15000 ms \(the built-in bound/)
})

test('an answer without a natural end disarms even an explicit timeout at its head', () => {
  const { clock, below, top, send } = scene(200, { options: { timeoutMs: 100 } })
  send()
  below.last.head(ok({ streaming: true }))
  assert.equal(clock.armed, 0)
  clock.advance(10_000)
  assert.equal(top.ended, false)
})

test('a head that the caller discards does not disarm', () => {
  const { clock, below, top, send } = scene(undefined)
  top.answer = 'discard'
  send()
  below.last.head(ok())
  clock.advance(15_000)
  assert.equal(top.outcome?.condition, 'deadline')
})

test('a call that is already too late ends without going down', () => {
  const { below, top, send } = scene(200, { ambient: { deadline: 1_000_000 } })
  send()
  assert.equal(below.arrived.length, 0)
  assert.equal(top.outcome?.class, 'ignored')
  assert.equal(top.outcome.condition, 'deadline')
  assert.equal(top.outcome.error?.code, 'TULLE_DEADLINE')
  assert.match(top.outcome.error.message, /had already run out/)
})

test('a passed deadline is charged to the peer only after a fair chance', () => {
  for (const [fairMs, expected] of [
    [150, 'failure'],
    [300, 'ignored'],
  ] as const) {
    const { clock, below, top, send } = scene(200)
    below.fairMs = fairMs
    send()
    clock.advance(200)
    assert.equal(top.outcome?.class, expected)
  }
})

test('timeout accepts durations and nothing else', () => {
  assert.equal(timeoutPiece.schema.parse('1m30s'), 90_000)
  for (const bad of [5, '5', '-1s', '0ms', null, {}]) {
    assert.throws(() => timeoutPiece.schema.parse(bad), z.ZodError)
  }
})

test('once the request is answered its deadline no longer binds what it left behind; the own timeout does', () => {
  const scope = { finished: false, cancelled: false, onCancel: () => () => {} }
  const { clock, top, send } = scene(300, { ambient: { deadline: 1_000_080, scope } })
  send()
  scope.finished = true
  clock.advance(299)
  assert.equal(top.ended, false)
  clock.advance(1)
  assert.match(top.outcome?.error?.message ?? '', /within 300 ms \(the timeout of route orders\)/)
  assert.equal(clock.armed, 0)
})

test('what was left behind without a timeout of its own has the built-in bound to the head, and then time for its body', () => {
  for (const delivered of [false, true]) {
    const scope = { finished: false, cancelled: false, onCancel: () => () => {} }
    const { clock, below, top, send } = scene(undefined, { ambient: { deadline: 1_000_080, scope } })
    send()
    if (delivered) below.last.head(ok())
    scope.finished = true
    clock.advance(delivered ? 299_999 : 14_999)
    assert.equal(top.ended, false)
    clock.advance(1)
    assert.equal(below.last.cancelledBy?.kind, 'deadline')
    assert.equal(clock.armed, 0)
  }
})

test('a head that comes after the request was answered disarms what was left behind without a timeout', () => {
  const later = { finished: false, cancelled: false, onCancel: () => () => {} }
  const { clock, below, top, send } = scene(undefined, { ambient: { deadline: 1_000_080, scope: later } })
  send()
  later.finished = true
  clock.advance(80)
  below.last.head(ok())
  clock.advance(400_000)
  assert.equal(top.ended, false)
  below.last.end(ok())
  assert.equal(clock.armed, 0)
})

describe('a call whose built-in bound ends as soon as it is sent', () => {
  const sent = { protocol: 'grpc', builtInCovers: 'sent' } as const

  test('has 15 s to be sent, and then no bound: nothing is armed', () => {
    const { clock, below, call, top, send } = scene(undefined, sent)
    send()
    assert.equal(call.deadline, clock.now() + 15_000)
    assert.equal(call.covers, 'sent')
    clock.advance(14_999)
    below.last.sent()
    assert.equal(call.deadline, Number.POSITIVE_INFINITY)
    assert.equal(clock.armed, 0)
    clock.advance(3_600_000)
    assert.equal(top.ended, false)
    below.last.answer(ok())
    assert.equal(top.outcome?.class, 'success')
  })

  test('is released by its head too, where the answer overtakes the request', () => {
    const { clock, below, call, send } = scene(undefined, sent)
    send()
    below.last.head(undecided())
    assert.equal(call.deadline, Number.POSITIVE_INFINITY)
    assert.equal(clock.armed, 0)
    below.last.end(ok())
  })

  test('ends where nothing takes it, and says that it was never sent', () => {
    const { clock, below, top, send } = scene(undefined, sent)
    send()
    clock.advance(15_000)
    assert.equal(below.last.cancelledBy?.kind, 'deadline')
    assert.equal(
      top.outcome?.error?.message,
      'orders: not sent within 15000 ms (the built-in bound; no deadline was set)',
    )
  })

  test('is not ended while it uploads', () => {
    const { clock, call, top, send } = scene(undefined, { ...sent, underway: true })
    send()
    clock.advance(60_000)
    assert.equal(top.ended, false)
    assert.equal(call.deadline, Number.POSITIVE_INFINITY)
    assert.equal(clock.armed, 0)
  })

  test('keeps every bound that somebody asked for', () => {
    for (const [timeoutMs, more, words] of [
      [200, {}, /the timeout of route/],
      [undefined, { options: { timeoutMs: 200 } }, /the call's own timeout/],
      [undefined, { ambient: { deadline: 1_000_200 } }, /inherited deadline/],
    ] as const) {
      const { clock, below, call, top, send } = scene(timeoutMs, { ...sent, underway: true, ...more })
      send()
      below.last.sent()
      below.last.head(undecided())
      assert.equal(call.covers, 'call')
      clock.advance(200)
      assert.match(top.outcome?.error?.message ?? '', words)
    }
  })

  test('has no bound left where it was sent for a request that is answered by now, and 15 s where it was not', () => {
    for (const wasSent of [true, false]) {
      const scope = { finished: false, cancelled: false, onCancel: () => () => {} }
      const { clock, below, top, send } = scene(undefined, {
        ...sent,
        ambient: { deadline: 1_000_080, scope },
      })
      send()
      if (wasSent) below.last.sent()
      scope.finished = true
      clock.advance(14_999)
      assert.equal(top.ended, false)
      clock.advance(1)
      assert.equal(top.ended, !wasSent)
      assert.equal(clock.armed, 0)
    }
  })
})

test('a call that waits as long as it takes has no built-in bound, and those that were asked for', () => {
  const waiting = { protocol: 'grpc', builtInCovers: 'nothing' } as const
  const { clock, below, call, top, send } = scene(undefined, waiting)
  send()
  assert.equal(call.deadline, Number.POSITIVE_INFINITY)
  assert.equal(clock.armed, 0)
  clock.advance(3_600_000)
  assert.equal(top.ended, false)
  below.last.answer(ok())
  const bounded = scene(undefined, { ...waiting, options: { timeoutMs: 100 } })
  bounded.send()
  bounded.clock.advance(100)
  assert.match(bounded.top.outcome?.error?.message ?? '', /within 100 ms \(the call's own timeout\)/)
})
