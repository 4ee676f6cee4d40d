import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { type JudgeRules, judge } from '../../src/identity/judge.ts'
import { type IssueOptions, TestCa, wrongKinds } from '../kit/certificates.ts'

const NOW = Date.UTC(2026, 5, 1)
const ca = TestCa.create({ wall: () => NOW })
const ID = 'spiffe://test.example/ns/default/dc/dc1/svc/orders'
const rules: JudgeRules = { trustDomain: 'test.example', denied: new Set(), wallMs: NOW }
const verdict = (options: IssueOptions, more: Partial<JudgeRules> = {}) =>
  judge(ca.issue(options).chain, { ...rules, ...more })

test('a good peer is who its certificate says, with the chain to judge it again by', () => {
  const leaf = ca.intermediate().issue()
  const peer = judge(leaf.chain, { ...rules, expected: ID })
  assert.ok(!isMeshError(peer))
  assert.equal(peer.id, ID)
  assert.equal(peer.service, 'orders')
  assert.equal(peer.notAfterMs, NOW + 86_400_000)
  assert.equal(peer.chain.length, 2)
  assert.deepEqual(peer.chain, leaf.chain)
})

test('FAULTS 41: every wrong kind has a reason of its own', () => {
  // Whether somebody signed it is for TLS; the judge alone would take a self-signed one.
  const kinds = wrongKinds('test.example', NOW).filter(({ kind }) => kind !== 'self-signed')
  const messages = kinds.map(({ kind, options, reason }) => {
    const error = verdict(options, { expected: ID })
    assert.ok(isMeshError(error), kind)
    assert.equal(error.code, 'TULLE_PEER')
    assert.match(error.message, reason, kind)
    return error.message.replaceAll(/[0-9A-F]{32}/g, '')
  })
  assert.equal(new Set(messages).size, messages.length - 1, 'only the hidden SAN reads like another service')
})

test('SECURITY 14: the trust domain and the ID that were meant are compared, never taken from the peer', () => {
  const meant = Object.freeze({ ...rules, expected: ID })
  const foreign = judge(ca.issue({ trustDomain: 'evil.example' }).chain, meant)
  assert.ok(isMeshError(foreign))
  assert.match(foreign.message, /of another trust domain than ours \(test\.example\)/)
  // The refused peer has left nothing behind that the next one could profit from.
  assert.ok(!isMeshError(judge(ca.issue().chain, meant)))
  assert.ok(isMeshError(judge(ca.issue({ trustDomain: 'evil.example' }).chain, meant)))
  assert.equal(meant.expected, ID)
})

test('SECURITY 22: a client is told whom it met in the place of whom it meant', () => {
  const error = verdict({ service: 'billing' }, { expected: ID })
  assert.ok(isMeshError(error))
  assert.match(error.message, /The peer is .*svc\/billing, where .*svc\/orders was meant/)
  assert.ok(!isMeshError(verdict({ service: 'billing' })), 'a server takes every member')
  assert.ok(isMeshError(verdict({}, { expected: ID.replace('orders', 'Orders') })))
  assert.ok(isMeshError(verdict({}, { expected: '' })), 'nobody is not anybody')
})

test('a banned peer is refused as such', () => {
  const error = verdict({}, { denied: new Set([ID]), expected: ID })
  assert.ok(isMeshError(error))
  assert.match(error.message, /is banned/)
  assert.ok(!isMeshError(verdict({ service: 'billing' }, { denied: new Set([ID]) })))
})

test('no certificate is a reason too', () => {
  const error = judge([], rules)
  assert.ok(isMeshError(error))
  assert.match(error.message, /showed no certificate/)
})

test('the verdict cannot be changed', () => {
  const peer = verdict({})
  assert.ok(!isMeshError(peer))
  assert.throws(() => Object.assign(peer, { id: 'spiffe://test.example/admin' }), TypeError)
})
