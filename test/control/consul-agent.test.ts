import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAgentOptions, readAgentAddress } from '../../src/control/consul-agent.ts'
import { isMeshError } from '../../src/core/errors.ts'

test('an address is read as Consul’s own clients read it', () => {
  const cases: readonly [string, boolean, string, string, number, boolean][] = [
    ['127.0.0.1:8500', false, 'http://127.0.0.1:8500', '127.0.0.1', 8500, false],
    ['http://consul.internal:8500/', false, 'http://consul.internal:8500', 'consul.internal', 8500, false],
    ['HTTPS://consul.internal', false, 'https://consul.internal:443', 'consul.internal', 443, true],
    ['http://consul.internal', false, 'http://consul.internal:80', 'consul.internal', 80, false],
    ['consul:8501', true, 'https://consul:8501', 'consul', 8501, true],
    ['http://consul:8501', true, 'https://consul:8501', 'consul', 8501, true],
    ['[::1]:8500', false, 'http://[::1]:8500', '::1', 8500, false],
  ]
  for (const [address, ssl, text, host, port, secure] of cases) {
    const read = readAgentAddress(address, ssl)
    assert.deepEqual(
      [read.text, read.host, read.port, read.secure, read.socketPath],
      [text, host, port, secure, undefined],
    )
  }
  const socket = readAgentAddress('unix:///run/consul.sock', true)
  assert.deepEqual(
    [socket.text, socket.socketPath, socket.secure],
    ['unix:///run/consul.sock', '/run/consul.sock', false],
  )
})

test('what is no address is refused, and a password in it is not repeated', () => {
  for (const address of [
    '',
    'http://',
    'unix://relative',
    'ftp://x',
    'http://h/path',
    'http://h?x=1',
    'http://u:s3cret@h',
    'u:s3cret@h:8500',
    'h:99999',
    '8500',
    'http://8500',
  ])
    assert.throws(
      () => readAgentAddress(address),
      (error) => isMeshError(error) && error.code === 'TULLE_CONFIG' && !error.message.includes('s3cret'),
      address,
    )
  assert.throws(
    () => checkAgentOptions({ address: 'x', certFile: '/c' }),
    /CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY/,
  )
  assert.throws(() => checkAgentOptions({ address: 'x', auth: 's3cret' }), /^(?!.*s3cret).*CONSUL_HTTP_AUTH/)
})
