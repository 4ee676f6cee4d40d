import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SETTINGS, type Setting } from '../src/settings.ts'

const settings = Object.values(SETTINGS) as Setting<unknown>[]

test('every default is a value the setting itself accepts, and shows as what it reads', () => {
  for (const { variable, fallback, parse, show } of settings) {
    if (fallback === undefined) continue
    const value = parse(fallback)
    assert.notEqual(value, undefined, variable)
    assert.notEqual(parse(show(value)), undefined, `${variable} cannot read what it shows`)
  }
})

test('variables and options are named alike, once each', () => {
  const variables = settings.map(({ variable }) => variable)
  assert.deepEqual(variables, [...new Set(variables)])
  for (const { variable, option } of settings) {
    assert.equal(variable, `TULLE_${option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`)
  }
})

test('suffixes and host patterns are lower-cased and checked', () => {
  assert.deepEqual(SETTINGS.suffixes.parse('.Mesh, svc.local'), ['mesh', 'svc.local'])
  for (const bad of ['', 'mesh,', 'me_sh', '*.mesh'])
    assert.equal(SETTINGS.suffixes.parse(bad), undefined, bad)
  assert.deepEqual(SETTINGS.policyHosts.parse('*, *.Internal'), ['*', '*.internal'])
  for (const bad of ['a.*', '**', 'http://a']) assert.equal(SETTINGS.policyHosts.parse(bad), undefined, bad)
})
