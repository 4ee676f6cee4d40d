import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGrpcLeafFactory } from '../../src/grpc/leaf.ts'
import { unreached, unsecured } from '../../src/grpc/unreachable.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { asyncMark } from '../../src/platform/async-mark.ts'
import { refusingAddress } from '../../src/testing/index.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { FakeEndpoint, FakeService } from '../kit/builders.ts'
import { Sent } from '../kit/grpc-bench.ts'
import { until } from '../kit/wait.ts'

const endpoint = new FakeEndpoint(new FakeService(), 50051)
const wrapped = (reason: string): string =>
  `No connection established. Last error: ${reason} (2026-11-21T09:44:36.373Z). Resolution note: `

test('what could not be reached says what the system said, once, and has its code as the cause', () => {
  const refused = wrapped('Error: connect ECONNREFUSED 127.0.0.1:50051')
  for (const explain of [unreached, unsecured]) {
    const { code, message, hint, cause } = explain(endpoint, refused)()
    assert.equal(code, 'TULLE_CONNECT')
    assert.equal(message, 'orders: 127.0.0.1:50051 could not be reached: connect ECONNREFUSED')
    assert.match(hint, /running, and listening/)
    assert.equal((cause as { code?: unknown }).code, 'ECONNREFUSED')
  }
  const elsewhere = unreached(endpoint, 'connect EHOSTUNREACH 10.9.9.9:50051 - Local (10.0.0.1:4000)')()
  assert.match(elsewhere.message, /10\.9\.9\.9/, 'an address that is not the endpoint’s own is told')
  assert.equal((elsewhere.cause as { code?: unknown }).code, 'EHOSTUNREACH')
})

test('each way of not getting through has a sentence and an advice of its own', () => {
  for (const [explain, reason, code, message, hint] of [
    [unreached, undefined, 'TULLE_CONNECT_TIMEOUT', /no HTTP\/2 connection within 1000 ms/, /firewall/],
    [
      unreached,
      'Name resolution failed for target dns:nowhere:1',
      'TULLE_CONNECT',
      /not be resolved/,
      /name/,
    ],
    [unreached, 'Protocol error', 'TULLE_PROTOCOL', /does not speak HTTP\/2/, /HTTP\/1\.1/],
    [unreached, 'Failed to connect', 'TULLE_PROTOCOL', /demands TLS/, /TULLE_JOIN_TOKEN/],
    [unsecured, undefined, 'TULLE_CONNECT_TIMEOUT', /TLS handshake within five times/, /firewall/],
    [unsecured, 'self-signed certificate in certificate chain', 'TULLE_PEER', /unknown CA/, /this mesh/],
    [unsecured, 'certificate has expired', 'TULLE_PEER', /expired/, /clocks/],
    [unsecured, 'alert no application protocol', 'TULLE_TLS', /not HTTP\/2/, /not of mesh\.serve/],
    [unsecured, 'wrong version number', 'TULLE_TLS', /speaks plaintext/, /identity/],
    [unsecured, 'Socket closed', 'TULLE_TLS', /middle of the handshake/, /log of the endpoint/],
    [unsecured, 'alert unknown ca', 'TULLE_TLS', /refused our certificate/, /trust bundle/],
  ] as const) {
    const error = explain(endpoint, reason)()
    assert.equal(error.code, code, reason)
    assert.match(error.message, message)
    assert.match(error.message, /^orders: 127\.0\.0\.1:50051 /)
    assert.match(error.hint, hint, reason)
  }
})

test('a call that finds the endpoint given up is told when that was, and when it is tried again', async () => {
  const [, port] = (await refusingAddress()).split(':')
  const clock = new ManualClock()
  const leaf = createGrpcLeafFactory({
    clock,
    wall: () => 0,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    mtls: { mode: 'disable', written: false },
    ambient: ambientStore,
    asyncMark,
  }).open(new FakeEndpoint(new FakeService(), Number(port)))
  const told = async (): Promise<string> => {
    const sent = new Sent(leaf)
    await until(() => sent.outcome !== undefined, { what: 'its end' })
    return sent.outcome?.error?.message ?? ''
  }
  assert.match(await told(), /ECONNREFUSED$/, 'the call that found it')
  assert.match(await told(), /ECONNREFUSED$/, 'and one right after it')
  clock.advance(1000)
  assert.match(await told(), /ECONNREFUSED$/, 'found anew')
  clock.advance(1000)
  assert.match(await told(), /ECONNREFUSED \(found 1 s ago; the next connection is tried in 1 s\)$/)
  await leaf.close()
  assert.equal(clock.armed, 0)
})
