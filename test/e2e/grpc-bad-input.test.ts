import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { makeGenericClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { client, serve } from '../../src/grpc/index.ts'
import { createMesh } from '../../src/index.ts'
import { TestCa, wrongKinds } from '../kit/certificates.ts'
import { identified } from '../kit/grpc/identified.ts'
import { closing, observe } from '../kit/grpc/observe.ts'
import { PRICING, Pricing } from '../kit/grpc/pricing.ts'
import { PricingCaller } from '../kit/grpc/pricing-caller.ts'
import { pricingGrpc } from '../kit/grpc/pricing-server.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import { frame, gzipBomb, plainAnswer, rawGrpcServer } from '../kit/grpc/raw-server.ts'
import { startGrpcSetting } from '../kit/grpc/setting.ts'
import type { Cleanup } from '../kit/process.ts'
import type { Mesh } from '../kit/setting.ts'
import { serveTls } from '../kit/tls-server.ts'

const { OK, UNAVAILABLE, UNIMPLEMENTED, RESOURCE_EXHAUSTED, UNKNOWN, PERMISSION_DENIED } = status
const MB = 1_000_000

/** What a call of `service` ends with. */
async function ask(t: Cleanup, mesh: Mesh, service = 'pricing') {
  const caller = new PricingCaller(closing(t, client(mesh, Pricing, service)), false)
  return caller.ask({ timeoutMs: 8000 })
}

async function served(t: Cleanup, mesh: Mesh, options: Parameters<typeof serve>[2] = {}) {
  const service = new PricingService()
  const listening = await serve(mesh, pricingGrpc(service), { host: '127.0.0.1', signals: false, ...options })
  t.after(() => listening.close({ graceMs: 0 }))
  return { ...service.ledger, service, address: `127.0.0.1:${listening.port}`, port: listening.port }
}

test('a service that nobody knows, and a method that the server does not have, are told apart', async (t) => {
  const setting = await startGrpcSetting(t)
  const nowhere = await ask(t, setting.mesh, 'pricng')
  assert.equal(nowhere.code, UNAVAILABLE)
  assert.match(nowhere.details, /pricng/)
  assert.match(nowhere.details, /Check the spelling/)

  const bytes = (message: Buffer): Buffer => message
  const method = {
    path: '/tulle.test.Nothing/Do',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const
  const Nothing = makeGenericClientConstructor({ Do: method }, 'Nothing')
  const nothing = closing(t, client(setting.mesh, Nothing, 'pricing'))
  const error = await new Promise<ServiceError>((resolve) =>
    (nothing as any).Do(Buffer.from('?'), (thrown: ServiceError) => resolve(thrown)),
  )
  assert.equal(error.code, UNIMPLEMENTED)
  assert.match(error.details, /\/tulle\.test\.Nothing\/Do/)
  await setting.finish()
})

test('a message over the limit is refused by name of the limit, whichever side it is', async (t) => {
  const setting = await startGrpcSetting(t, { pricing: { outlier: false } })
  const tooMuch = await setting.caller.ask({ answerBytes: 5 * MB })
  assert.equal(tooMuch.code, RESOURCE_EXHAUSTED)
  assert.match(tooMuch.details, /larger than max.*grpc\.max_receive_message_length of this client/)

  const big = { asks: [{ id: 'big', payload: Buffer.alloc(5 * MB) }] }
  const { error } = await observe(setting.client, 'quote', big)
  assert.equal(error?.code, RESOURCE_EXHAUSTED)
  assert.match(error!.details, /larger than max/)
  assert.doesNotMatch(error!.details, /this client/, 'the server said it')
  assert.equal(setting.times('big'), 0)

  const options = { 'grpc.max_send_message_length': MB }
  const modest = closing(t, client(setting.mesh, Pricing, 'pricing', options))
  const own = await observe(modest, 'quote', big)
  assert.equal(own.error?.code, RESOURCE_EXHAUSTED)
  assert.match(own.error!.details, /Attempted to send message with a size larger than 1000000/)
  assert.equal((await setting.caller.ask()).code, OK, 'others are unharmed')
  await setting.finish()
})

test('a server that speaks HTTP/1.1 is said to', async (t) => {
  const server = createServer((_req, res) => res.end('<html>')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const also = [`127.0.0.1:${(server.address() as AddressInfo).port}`]
  const setting = await startGrpcSetting(t, { servers: 0, also })
  const { code, details } = await setting.caller.ask({ timeoutMs: 8000 })
  t.diagnostic(details)
  assert.equal(code, UNAVAILABLE, 'as plain grpc-js has it')
  assert.match(details, /does not speak HTTP\/2/)
  assert.match(details, /HTTP\/1\.1/)
  assert.match(details, new RegExp(also[0]!))
  await setting.finish()
})

test('FAULTS 41: whoever answers with the wrong certificate is refused, each with its own reason, and gets not a byte', async (t) => {
  const ca = TestCa.create()
  const words: string[] = []
  for (const { kind, options, reason } of wrongKinds()) {
    // The kinds are made for `orders`.
    const server = await serveTls({ svid: ca.issue(options), ca, more: { ALPNProtocols: ['h2'] } })
    const { mesh } = identified(t, ca, 'web', { endpoints: { orders: server.address } })
    await mesh.start()
    const { code, details } = await ask(t, mesh, 'orders')
    assert.equal(code, PERMISSION_DENIED, `${kind}: ${details}`)
    assert.match(details, reason, kind)
    assert.match(details, new RegExp(server.address), kind)
    assert.equal(server.delivered(), 0, kind)
    words.push(details.replaceAll(server.address, ''))
    await mesh.close()
    await server.close()
  }
  assert.ok(new Set(words).size >= words.length - 1, words.join('\n'))
})

test('FAULTS 42: plaintext to a strict listener ends with an error that says so, and reaches no handler', async (t) => {
  const ca = TestCa.create()
  const { mesh } = identified(t, ca, 'pricing')
  const server = await served(t, mesh)
  const web = createMesh({ service: 'web', log: 'silent', env: {}, endpoints: { pricing: server.address } })
  t.after(() => web.close())
  await web.start()
  const { code, details } = await ask(t, web)
  t.diagnostic(details)
  assert.equal(code, UNAVAILABLE)
  assert.match(details, /TLS/)
  assert.match(details, new RegExp(server.address))
  assert.equal(server.executions.length, 0)
})

test('FAULTS 42: a strict client does not go to a server of plaintext, whether that says so or not', async (t) => {
  const ca = TestCa.create()
  const plain = createMesh({ service: 'pricing', log: 'silent', env: {} })
  t.after(() => plain.close())
  const server = await served(t, plain)
  for (const [said, words] of [
    [{ address: '127.0.0.1', port: server.port, mtls: 'disable' }, /speaks plaintext only.*need mutual TLS/],
    [server.address, /did not answer in TLS: it speaks plaintext|closed the connection in the middle/],
  ] as const) {
    const { mesh } = identified(t, ca, 'web', { endpoints: { pricing: [said] } })
    await mesh.start()
    const { code, details } = await ask(t, mesh)
    t.diagnostic(details)
    assert.equal(code, UNAVAILABLE, details)
    assert.match(details, words)
    await mesh.close()
  }
  assert.equal(server.executions.length, 0)
})

test('SECURITY 38: a page instead of an answer is what HTTP says it is, never a message of 808 MB', async (t) => {
  for (const [http, type, body, code] of [
    [404, 'text/plain', '404 page not found', UNIMPLEMENTED],
    [503, 'text/html', '<html>no</html>', UNAVAILABLE],
    [403, 'text/html', '<html>no</html>', PERMISSION_DENIED],
    [200, 'text/html', '404 page not found', UNKNOWN],
  ] as const) {
    const raw = await rawGrpcServer(t, (call) => plainAnswer(call, http, type, body))
    const setting = await startGrpcSetting(t, { servers: 0, also: [raw.address], pricing: { retry: false } })
    const { code: got, details } = await setting.caller.ask({ timeoutMs: 8000 })
    assert.equal(got, code, `${http}: ${details}`)
    assert.match(details, new RegExp(`HTTP.*${http}`))
    await setting.finish()
  }
})

test('SECURITY 37: a message that unpacks beyond the limit is cut off on both sides, and costs little memory', async (t) => {
  const bomb = await rawGrpcServer(t, (call) => void gzipBomb(call, 200 * MB))
  const setting = await startGrpcSetting(t, { servers: 0, also: [bomb.address], pricing: { retry: false } })
  const before = process.memoryUsage.rss()
  const { code, details } = await setting.caller.ask({ timeoutMs: 8000 })
  assert.equal(code, RESOURCE_EXHAUSTED, details)
  t.diagnostic(
    `${details}; resident +${((process.memoryUsage.rss() - before) / MB).toFixed(0)} MB (with what made the bomb)`,
  )
  await setting.finish()

  const mesh = createMesh({ service: 'pricing', log: 'silent', env: {} })
  t.after(() => mesh.close())
  const server = await served(t, mesh)
  const packed = gzipSync(Buffer.alloc(200 * MB))
  for (const [what, message, headers] of [
    ['declared', frame(Buffer.alloc(100), { declared: 800 * MB }), {}],
    ['packed', frame(packed, { compressed: true }), { 'grpc-encoding': 'gzip' }],
  ] as const) {
    const rss = process.memoryUsage.rss()
    const answer = await raw(server.port, `/${PRICING}/Quote`, message, headers)
    const grown = process.memoryUsage.rss() - rss
    t.diagnostic(
      `${what}: ${answer['grpc-status']} ${answer['grpc-message']}; resident +${(grown / MB).toFixed(1)} MB`,
    )
    assert.equal(Number(answer['grpc-status']), RESOURCE_EXHAUSTED, what)
    assert.ok(grown < 50 * MB, `${what}: ${grown}`)
  }
  assert.equal(server.executions.length, 0)
})

test('SECURITY 7: a path without its slash, or with more of them, is no method and reaches no handler', async (t) => {
  const mesh = createMesh({ service: 'pricing', log: 'silent', env: {} })
  t.after(() => mesh.close())
  const server = await served(t, mesh)
  for (const path of [
    `${PRICING}/Quote`,
    `//${PRICING}/Quote`,
    `/${PRICING}//Quote`,
    `/${PRICING}/Quote/`,
    '*',
  ]) {
    const answer = await raw(server.port, path, frame(Buffer.alloc(0)))
    assert.notEqual(answer['grpc-status'], '0', path)
  }
  assert.equal(server.executions.length, 0)
  const answer = await raw(server.port, `/${PRICING}/Quote`, frame(Buffer.alloc(0)))
  assert.equal(answer['grpc-status'], '0')
})

/** One call as bytes; resolves with the trailers, or with what ended it. */
function raw(
  port: number,
  path: string,
  message: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`)
    let said: Record<string, unknown> = {}
    const done = (more: object): void => {
      session.destroy()
      resolve({ ...said, ...more })
    }
    session.on('error', (error) => done({ error }))
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    stream.on('response', (head) => {
      said = { ...head }
    })
    stream.on('trailers', (trailers) => {
      said = { ...said, ...trailers }
    })
    stream.on('error', (error) => done({ error }))
    stream.on('close', () => done({}))
    stream.resume()
    stream.end(message)
  })
}
