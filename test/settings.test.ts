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

/** Options that say more than their name: a URL, one field of an object. */
const NAMED_OTHERWISE: Readonly<Record<string, string>> = {
  plane: 'TULLE_PLANE_URL',
  inbound: 'TULLE_INBOUND_MTLS',
  'consul.intentionsDefault': 'TULLE_INTENTIONS_DEFAULT',
}

/** The names that Consul's own tools read (api-docs, commands: environment variables). */
const OF_CONSUL: Readonly<Record<string, string>> = {
  'consul.address': 'CONSUL_HTTP_ADDR',
  'consul.token': 'CONSUL_HTTP_TOKEN',
  'consul.tokenFile': 'CONSUL_HTTP_TOKEN_FILE',
  'consul.auth': 'CONSUL_HTTP_AUTH',
  'consul.ssl': 'CONSUL_HTTP_SSL',
  'consul.sslVerify': 'CONSUL_HTTP_SSL_VERIFY',
  'consul.caFile': 'CONSUL_CACERT',
  'consul.caPath': 'CONSUL_CAPATH',
  'consul.certFile': 'CONSUL_CLIENT_CERT',
  'consul.keyFile': 'CONSUL_CLIENT_KEY',
  'consul.tlsServerName': 'CONSUL_TLS_SERVER_NAME',
  'consul.namespace': 'CONSUL_NAMESPACE',
  'consul.partition': 'CONSUL_PARTITION',
}

test('variables and options are named alike, once each', () => {
  const variables = settings.map(({ variable }) => variable)
  assert.deepEqual(variables, [...new Set(variables)])
  for (const { variable, option } of settings) {
    const alike = `TULLE_${option.replace(/[A-Z]|\./g, (letter) => `_${letter === '.' ? '' : letter}`).toUpperCase()}`
    assert.equal(variable, OF_CONSUL[option] ?? NAMED_OTHERWISE[option] ?? alike)
  }
})

test('suffixes and host patterns are lower-cased and checked', () => {
  assert.deepEqual(SETTINGS.suffixes.parse('.Mesh, svc.local'), ['mesh', 'svc.local'])
  for (const bad of ['', 'mesh,', 'me_sh', '*.mesh'])
    assert.equal(SETTINGS.suffixes.parse(bad), undefined, bad)
  assert.deepEqual(SETTINGS.policyHosts.parse('*, *.Internal'), ['*', '*.internal'])
  for (const bad of ['a.*', '**', 'http://a']) assert.equal(SETTINGS.policyHosts.parse(bad), undefined, bad)
})

test('a plane is an https URL without a path', () => {
  assert.deepEqual(SETTINGS.planes.parse('https://a:7400, https://b:7400/'), [
    'https://a:7400',
    'https://b:7400/',
  ])
  for (const bad of ['a:7400', 'http://a:7400', 'https://a/x', 'https://u:p@a', 'https://a,'])
    assert.equal(SETTINGS.planes.parse(bad), undefined, bad)
})

test('an advertised address is a host, a port or both', () => {
  for (const good of ['10.0.0.1', 'orders.internal:80', ':8080', 'fd00::1', '[fd00::1]:80', '::1'])
    assert.equal(SETTINGS.advertise.parse(good), good)
  for (const bad of [':0', ':70000', 'a:b', 'http://a', 'a b', '[::1', 'a:', 'a:0'])
    assert.equal(SETTINGS.advertise.parse(bad), undefined, bad)
})

test('a drain delay is a duration or left to what is known', () => {
  assert.equal(SETTINGS.drainDelayMs.parse('auto'), 'auto')
  assert.equal(SETTINGS.drainDelayMs.parse('2s'), 2000)
  assert.equal(SETTINGS.drainDelayMs.accept?.(0), 0)
  assert.equal(SETTINGS.drainDelayMs.accept?.(-1), undefined)
})
