import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import type { CancelReason, Hop, Observer } from '../../src/core/hop.ts'
import { refusal } from '../../src/core/outcome.ts'
import { HttpCall } from '../../src/http/call.ts'
import { Exchange } from '../../src/http/exchange.ts'
import { mistake } from '../../src/http/mistake.ts'
import { parseCallOptions } from '../../src/http/options.ts'
import { NOBODY, type Receiver } from '../../src/http/receiver.ts'
import { HttpRequest } from '../../src/http/request.ts'
import { makeRoute } from '../kit/builders.ts'
import { ok, reset } from '../kit/outcomes.ts'

function scene(receiver: Partial<Receiver> = {}) {
  const errors: unknown[] = []
  const exchange = new Exchange(new HttpRequest({ path: '/', method: 'GET' }))
  exchange.receiver = { ...NOBODY, onError: (error) => void errors.push(error), ...receiver }
  const call = new HttpCall(exchange, 'orders.mesh', makeRoute(), {}, parseCallOptions(undefined))
  const cancels: CancelReason[] = []
  let observer: Observer | undefined
  const hop: Hop<Call<unknown>> = (_, up) => {
    observer = up
    return (reason) => void cancels.push(reason)
  }
  return { exchange, call, cancels, errors, hop, end: (outcome = ok()) => observer?.end(outcome) }
}

test('what the caller throws as it is told of an error stays out of the layers: theirs is to let go of what they hold', () => {
  const { exchange, call, hop, end } = scene({
    onError() {
      throw new Error('the caller’s own')
    },
  })
  exchange.begin()
  exchange.launch(call, hop)
  end(refusal(mistake('no')))
  assert.equal(exchange.over, true)
})

test('an abort before there is a call ends it with the caller’s own reason', () => {
  const { exchange, call, cancels, errors, hop } = scene()
  const reason = new Error('changed my mind')
  exchange.begin()
  exchange.abort(reason)
  exchange.abort(new Error('again'))
  exchange.launch(call, hop)
  assert.deepEqual(errors, [reason])
  assert.deepEqual(cancels, [])
})

test('an abort in the middle of the descent reaches the stack as soon as it has returned', () => {
  const { exchange, call, cancels } = scene()
  const reason = new Error('changed my mind')
  exchange.begin()
  exchange.launch(call, () => {
    exchange.abort(reason)
    return (given) => void cancels.push(given)
  })
  assert.deepEqual(cancels, [{ kind: 'caller', error: reason }])
})

test('a mesh error takes with it what was tried and the policy it was tried under', () => {
  const { exchange, call, errors, hop, end } = scene()
  const error = mistake('broke')
  call.trail = [{ endpoint: '127.0.0.1:4001', phase: 'head', ms: 3, cause: 'ECONNRESET' }]
  exchange.begin()
  exchange.launch(call, hop)
  end({ ...reset(), error })
  end({ ...reset(), error })
  assert.deepEqual(errors, [error])
  assert.equal(error.attempts, call.trail)
  assert.equal(error.policyVersion, call.route.policyVersion)
})
