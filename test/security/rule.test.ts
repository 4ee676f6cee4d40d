import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import type { Caller } from '../../src/security/caller.ts'
import { intentionWire } from '../../src/security/intention-wire.ts'
import { Rule } from '../../src/security/rule.ts'
import { access, intention } from '../kit/intentions.ts'

const rule = (source: string, destination: string, more: object | 'allow' | 'deny'): Rule =>
  new Rule(intentionWire.parse(intention(source, destination, more)), compilePattern)
const caller = (service: string, namespace = 'default', partition = 'default'): Caller => ({
  service,
  namespace,
  partition,
})
const GET = { Action: 'allow', HTTP: { Methods: ['GET'] } }

test('precedence counts the destination first, then the source, as Consul has it from 9 to 1', () => {
  const NS = { SourceNS: '*', DestinationNS: '*', Action: 'allow' }
  assert.deepEqual(
    [
      rule('web', 'orders', 'allow'),
      rule('*', 'orders', 'allow'),
      rule('*', 'orders', { SourceNS: '*', Action: 'allow' }),
      rule('web', '*', 'allow'),
      rule('*', '*', 'allow'),
      rule('*', '*', NS),
    ].map(({ precedence }) => precedence),
    [9, 8, 7, 6, 5, 1],
  )
})

test('a rule speaks of whom its source names', () => {
  assert.equal(rule('web', 'orders', 'allow').speaksOf(caller('web')), true)
  assert.equal(rule('web', 'orders', 'allow').speaksOf(caller('api')), false)
  assert.equal(rule('*', 'orders', 'allow').speaksOf(caller('api')), true)
  assert.equal(rule('web', 'orders', 'allow').speaksOf(caller('web', 'shop')), false)
  assert.equal(rule('*', 'orders', { SourceNS: '*', Action: 'allow' }).speaksOf(caller('web', 'shop')), true)
  assert.equal(rule('web', 'orders', 'allow').speaksOf(caller('web', 'default', 'eu')), false)
  const peered = rule('*', 'orders', { SourcePeer: 'other', Action: 'allow' })
  assert.deepEqual([peered.speaksOf(caller('web')), peered.speaksOfEverybody], [false, false])
})

test('without permissions the action is the verdict; with them a request that none matches is nobody’s', () => {
  assert.equal(rule('web', 'orders', 'deny').judge(access('web'))?.allowed, false)
  const permitted = rule('web', 'orders', { Permissions: [GET] })
  assert.equal(permitted.judge(access('web'))?.allowed, true)
  assert.equal(permitted.judge(access('web', { method: 'POST' })), undefined)
})

test('what it allows it allows nobody whose name is not known', () => {
  assert.equal(rule('*', 'orders', 'allow').denies(access(undefined)), undefined)
  assert.equal(rule('*', 'orders', { Permissions: [GET] }).denies(access(undefined)), undefined)
  assert.equal(rule('*', 'orders', 'deny').denies(access(undefined))?.allowed, false)
})

test('SECURITY 22: a rule of which anything is not understood denies whomever it may be about', () => {
  for (const more of [
    { Action: 'allow', JWT: { Providers: [] as object[], Any: true } },
    { Action: 'audit' },
    { Action: '' },
    { Action: 'allow', Permissions: [GET] },
    { Action: 'allow', SourceType: 'external' },
    { Action: 'allow', SourceNS: '*' },
    { Permissions: [{ Action: 'allow', HTTP: { PathRegex: '(' } }] },
  ]) {
    const strange = rule('web', 'orders', more)
    assert.match(strange.problem ?? '', /^intention .*web → orders: not understood \(.*\), so it denies$/)
    assert.equal(strange.judge(access('web'))?.allowed, false, JSON.stringify(more))
    assert.equal(strange.leniency, 0)
    assert.equal(strange.speaksOf(caller('web', 'elsewhere')), true)
  }
})
