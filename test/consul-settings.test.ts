import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONSUL_SETTINGS } from '../src/consul-settings.ts'
import type { Setting } from '../src/setting.ts'

const all = Object.values(CONSUL_SETTINGS) as readonly Setting<unknown>[]

test('variables of Consul’s own tools are taken as they are: a process that uses no Consul must not fail on them', () => {
  const theirs = all.filter(({ variable }) => variable.startsWith('CONSUL_'))
  assert.ok(theirs.length > 10)
  for (const { variable, parse } of theirs) assert.notEqual(parse('whatever it is'), undefined, variable)
})

test('flags are read as Go reads them', () => {
  const { parse } = CONSUL_SETTINGS.consulSsl
  for (const yes of ['1', 't', 'T', 'true', 'TRUE', 'True']) assert.equal(parse(yes), true, yes)
  for (const no of ['0', 'f', 'false', 'FALSE']) assert.equal(parse(no), false, no)
})

test('what is secret is masked, and every default is accepted', () => {
  assert.deepEqual(
    all.filter(({ secret }) => secret).map(({ option }) => option),
    ['consul.token', 'consul.auth'],
  )
  for (const { option, parse, fallback } of all) assert.notEqual(parse(fallback ?? ''), undefined, option)
})

test('Consul forgets nobody sooner than after a minute, so nobody is told that it would', () => {
  const { parse, accept } = CONSUL_SETTINGS.consulDeregisterAfterMs
  assert.deepEqual([parse('1m'), parse('59s'), parse('soon')], [60_000, undefined, undefined])
  assert.deepEqual([accept('2h'), accept(60_000), accept(59_999)], [7_200_000, 60_000, undefined])
})

test('checks and defaults are one of those there are', () => {
  const { consulCheck, intentionsDefault } = CONSUL_SETTINGS
  assert.deepEqual(
    ['ttl', 'http', 'grpc', 'tcp'].map((text) => consulCheck.parse(text)),
    ['ttl', 'http', 'grpc', undefined],
  )
  assert.deepEqual(
    ['allow', 'deny', '', 'no'].map((text) => intentionsDefault.parse(text)),
    ['allow', 'deny', '', undefined],
  )
})
