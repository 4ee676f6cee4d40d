import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MeshOptions, readConfig } from '../src/config.ts'
import { isMeshError } from '../src/core/errors.ts'

const read = (env: Record<string, string>, options: MeshOptions = {}) => readConfig({ ...options, env })
const message = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    assert.ok(isMeshError(error))
    assert.equal(error.code, 'TULLE_CONFIG')
    return error.message
  }
  return assert.fail('nothing was thrown')
}

test('the service name comes from the option, then TULLE_SERVICE, then OTEL_SERVICE_NAME', () => {
  const env = { TULLE_SERVICE: 'orders', OTEL_SERVICE_NAME: 'otel' }
  assert.equal(read(env, { service: 'web' }).service, 'web')
  assert.equal(read(env).service, 'orders')
  assert.equal(read({ OTEL_SERVICE_NAME: 'otel' }).service, 'otel')
  assert.equal(read({ OTEL_SERVICE_NAME: 'otel' }).origins[0]?.source, 'OTEL_SERVICE_NAME')
})

test('a missing service name says which variable to set', () => {
  assert.match(
    message(() => read({})),
    /^TULLE_SERVICE is not set: expected a service name/,
  )
})

test('TULLE_ENDPOINTS reads groups of addresses, IPv6 in brackets', () => {
  const { endpoints } = read({
    TULLE_SERVICE: 'web',
    TULLE_ENDPOINTS: 'orders=127.0.0.1:4001,[::1]:4002  stock=stock.internal:80',
  })
  assert.deepEqual(endpoints.get('orders'), [
    { address: '127.0.0.1', port: 4001 },
    { address: '::1', port: 4002 },
  ])
  assert.deepEqual(endpoints.get('stock'), [{ address: 'stock.internal', port: 80 }])
})

test('a bad value names the variable, the value and what is accepted', () => {
  for (const bad of [
    'orders',
    'orders=127.0.0.1',
    'orders=127.0.0.1:0',
    'orders=127.0.0.1:70000',
    'orders=a:1 orders=b:2',
    'a=b=c:1',
  ]) {
    assert.equal(
      message(() => read({ TULLE_SERVICE: 'web', TULLE_ENDPOINTS: bad })),
      `TULLE_ENDPOINTS: expected \`name=address:port,address:port\` groups separated by spaces, found "${bad}"`,
    )
  }
  assert.equal(
    message(() => read({ TULLE_SERVICE: 'web', TULLE_LOG: 'loud' })),
    'TULLE_LOG: expected one of silent, error, warn, info, debug, found "loud"',
  )
})

test('a bad option names the option', () => {
  assert.match(
    message(() => read({}, { service: 'web', drainGrace: 'soon' })),
    /^option drainGrace: expected a duration .*, found "soon"$/,
  )
})

test('options take endpoints as lists or single addresses', () => {
  const { endpoints } = read(
    {},
    { service: 'web', endpoints: { orders: ['127.0.0.1:1', { address: '::1', port: 2 }], stock: 'h:3' } },
  )
  assert.deepEqual([...endpoints.keys()], ['orders', 'stock'])
  assert.equal(endpoints.get('orders')?.length, 2)
})

test('an unknown TULLE_ variable warns with the nearest known name and never shows its value', () => {
  const { warnings } = read({ TULLE_SERVICE: 'web', TULLE_ENDPOINT: 'orders=secret:1' })
  assert.deepEqual(warnings, ['TULLE_ENDPOINT is not a variable of tulle; did you mean TULLE_ENDPOINTS?'])
})

test('an unknown option warns with the nearest known one', () => {
  const { warnings } = read({}, { service: 'web', polici: 'mesh.yaml' } as MeshOptions)
  assert.deepEqual(warnings, ['createMesh: polici is not an option; did you mean policy?'])
})

test('durations are read from text or milliseconds, and shown with their source', () => {
  const config = read({ TULLE_SERVICE: 'web', TULLE_DRAIN_GRACE: '1m30s' }, { drainDelay: 250 })
  assert.equal(config.drainGraceMs, 90_000)
  assert.equal(config.drainDelayMs, 250)
  const origin = (variable: string) => config.origins.find(({ setting }) => setting.variable === variable)
  assert.deepEqual(
    [origin('TULLE_DRAIN_GRACE')?.shown, origin('TULLE_DRAIN_GRACE')?.source],
    ['90000ms', 'TULLE_DRAIN_GRACE'],
  )
  assert.equal(origin('TULLE_DRAIN_DELAY')?.source, 'option')
  assert.equal(origin('TULLE_LOG')?.source, 'default')
})

test('credentials in a URL are masked wherever a value is shown', () => {
  const shown = message(() =>
    read({ TULLE_SERVICE: 'web', TULLE_POLICY: 'https://user:secret@plane/policy' }),
  )
  assert.ok(!shown.includes('secret'), shown)
})

test('a secret may come from a file, and never shows', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'tulle-config-')), 'token')
  const content = { urls: ['https://a:1'], rootSha256: '0'.repeat(64), trustDomain: 'a.test', service: 'web' }
  const token = `tulle_join_${Buffer.from(JSON.stringify(content)).toString('base64url')}.secret`
  writeFileSync(file, `${token}\n`)
  const { joinToken, origins, warnings } = read({ TULLE_SERVICE: 'web', TULLE_JOIN_TOKEN_FILE: file })
  assert.equal(joinToken, token)
  const origin = origins.find(({ setting }) => setting.option === 'joinToken')
  assert.equal(origin?.source, 'TULLE_JOIN_TOKEN_FILE')
  assert.equal(origin?.file, file)
  assert.equal(origin?.shown, '********')
  assert.deepEqual(warnings, [])
  writeFileSync(file, 'something else')
  const said = message(() => read({ TULLE_SERVICE: 'web', TULLE_JOIN_TOKEN_FILE: file }))
  assert.match(
    said,
    /^TULLE_JOIN_TOKEN_FILE: expected a token made by `tulle token create`, which begins with tulle_join_ in /,
  )
  assert.doesNotMatch(said, /something else/)
  writeFileSync(file, token.replace('tulle_join_', 'tulle_admin_'))
  assert.match(
    message(() => read({ TULLE_SERVICE: 'web', TULLE_JOIN_TOKEN_FILE: file })),
    /which begins with tulle_join_/,
  )
  assert.match(
    message(() => read({ TULLE_SERVICE: 'web', TULLE_JOIN_TOKEN_FILE: `${file}.missing` })),
    /^TULLE_JOIN_TOKEN_FILE: ENOENT/,
  )
})

test('the mode of inbound TLS is an object with a known mode', () => {
  assert.deepEqual(read({ TULLE_SERVICE: 'web', TULLE_INBOUND_MTLS: 'permissive' }).inbound, {
    mtls: 'permissive',
  })
  assert.deepEqual(read({ TULLE_SERVICE: 'web' }, { inbound: { mtls: 'disable' } }).inbound, {
    mtls: 'disable',
  })
  for (const bad of [{ mtls: 'none' }, { tls: 'strict' }, 'strict'])
    assert.match(
      message(() => read({ TULLE_SERVICE: 'web' }, { inbound: bad as never })),
      /^option inbound: expected one of strict/,
    )
})

test('the Consul agent is found by the variables of its own tools, or by the option consul', () => {
  const env = {
    TULLE_SERVICE: 'web',
    CONSUL_HTTP_ADDR: 'https://consul.internal:8501',
    CONSUL_HTTP_TOKEN: 'a-secret',
    CONSUL_HTTP_SSL_VERIFY: 'FALSE',
    TULLE_CONSUL_DEREGISTER_AFTER: '1h',
  }
  const config = readConfig({ env, consul: { namespace: 'shop', check: 'http' } })
  assert.equal(config.consulAddress, 'https://consul.internal:8501')
  assert.equal(config.consulToken, 'a-secret')
  assert.equal(config.consulSslVerify, false)
  assert.equal(config.consulNamespace, 'shop')
  assert.equal(config.consulCheck, 'http')
  assert.equal(config.consulDeregisterAfterMs, 3_600_000)
  assert.deepEqual(config.warnings, [])
  assert.ok(!JSON.stringify(config.origins.map(({ shown }) => shown)).includes('a-secret'))
  assert.equal(readConfig({ env: { TULLE_SERVICE: 'web' } }).consulAddress, 'http://127.0.0.1:8500')
})

test('what is odd about the option consul is said', () => {
  const given = (consul: unknown) => readConfig({ env: { TULLE_SERVICE: 'web' }, consul } as MeshOptions)
  assert.deepEqual(given(undefined).warnings, [])
  assert.deepEqual(given({ adress: 'x' }).warnings, [
    'createMesh: consul.adress is not an option; did you mean consul.address?',
  ])
  assert.throws(
    () => given('http://x'),
    /option consul: expected an object such as \{ address: … \}, found "http:/,
  )
  assert.throws(
    () => given({ deregisterAfter: '10s' }),
    /consul.deregisterAfter: expected a duration of at least 1m/,
  )
})

test('a policy is a path or a key of Consul, no other URL', () => {
  const policy = (value: string) => readConfig({ env: { TULLE_SERVICE: 'web', TULLE_POLICY: value } }).policy
  assert.equal(policy('consul://tulle/mesh.yaml'), 'consul://tulle/mesh.yaml')
  for (const bad of [
    'https://plane/policy.yaml',
    'consul://',
    'consul:///tulle',
    'consul:/tulle',
    'Consul://tulle',
  ])
    assert.throws(() => policy(bad), /TULLE_POLICY: expected the path of a file or a folder, or consul:/)
})

test('credentials that do not belong into a key of Consul are refused, and not repeated', () => {
  for (const bad of [
    'consul://root:hush@127.0.0.1:8500/tulle/mesh.yaml',
    'consul://tulle/mesh.yaml?token=hush',
    'consul://hush@tulle/mesh.yaml?token=hush#hush',
  ])
    assert.throws(
      () => readConfig({ env: { TULLE_SERVICE: 'web', TULLE_POLICY: bad } }),
      ({ message }: Error) => {
        assert.match(message, /TULLE_POLICY: expected/)
        assert.doesNotMatch(message, /hush/)
        return true
      },
    )
})
