import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessRequest, Authorizer } from '../../src/core/authorizer.ts'
import type { Call } from '../../src/core/call.ts'
import { authorize } from '../../src/security/authorize.ts'
import { layerContract } from '../contract/layer.ts'
import { makeCall, makeDeps } from '../kit/builders.ts'
import { Recorder, ScriptedHop } from '../kit/hops.ts'
import { idOf } from '../kit/intentions.ts'

const verdict = (allowed: boolean): Authorizer => ({
  judge: () => ({ allowed, reason: 'intention web → orders: deny' }),
})

layerContract(
  'authorize',
  'call',
  (deps) => authorize.layer(undefined, { ...deps, authorizer: verdict(true) })!,
)

function arrive(authorizer: Authorizer, more: Partial<Call<undefined>> = {}) {
  const deps = makeDeps()
  const below = new ScriptedHop<Call<undefined>>(deps.clock)
  const layer = authorize.layer(undefined, { ...deps, authorizer })!
  const top = new Recorder().send(layer(below.hop), makeCall(more))
  return { below, top }
}

test('without an authorizer the layer is not there', () => {
  assert.equal(authorize.layer(undefined, makeDeps()), undefined)
})

test('a call that is denied is refused before the handler, with the rule for the log', () => {
  const { below, top } = arrive(verdict(false))
  assert.equal(below.arrived.length, 0)
  const { error } = top.outcome!
  assert.equal(error?.code, 'TULLE_DENIED')
  assert.equal(error.layer, 'authorize')
  assert.equal(error.message, 'intention web → orders: deny')
  assert.equal(error.refusal, true)
})

test('a call that is allowed goes on', () => {
  assert.equal(arrive(verdict(true)).below.arrived.length, 1)
})

test('what is judged is what the application gets: the verified caller, the method, the canonical path, every value of a header', () => {
  let seen: AccessRequest | undefined
  const authorizer: Authorizer = {
    judge: (request) => {
      seen = request
      return { allowed: true, reason: '' }
    },
  }
  arrive(authorizer, {
    method: 'POST',
    path: '/a',
    peer: { id: idOf('web'), service: 'web', address: '10.0.0.1' },
    headerValues: (name) => (name === 'x-role' ? ['user', 'admin'] : []),
  })
  assert.deepEqual(seen?.peer, { id: idOf('web'), service: 'web' })
  assert.equal(seen.method, 'POST')
  assert.equal(seen.path, '/a')
  assert.deepEqual(seen.header('x-role'), ['user', 'admin'])
  arrive(authorizer, { peer: { address: '10.0.0.1' } })
  assert.equal(seen.peer, undefined, 'an address is nobody')
  assert.deepEqual(seen.header('x-role'), [])
})

test("gRPC's health service is for everybody, a path of that name over HTTP is not", () => {
  const path = '/grpc.health.v1.Health/Check'
  assert.equal(arrive(verdict(false), { protocol: 'grpc', path }).below.arrived.length, 1)
  assert.equal(arrive(verdict(false), { protocol: 'http', path }).below.arrived.length, 0)
})

test('who comes by a door that local configuration opens to anybody is not judged as a service', () => {
  assert.equal(
    arrive(verdict(false), { peer: { address: '10.0.0.1', public: true } }).below.arrived.length,
    1,
  )
  assert.equal(arrive(verdict(false), { peer: { address: '10.0.0.1' } }).below.arrived.length, 0)
})
