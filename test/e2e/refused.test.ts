import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { type HasRuntime, RUNTIME } from '../../src/core/runtime.ts'
import { createMesh } from '../../src/index.ts'
import { TestCa, type TestSvid, wrongKinds } from '../kit/certificates.ts'
import { listening } from '../kit/http-harness.ts'
import { folder } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import { get, rawExchange } from '../kit/raw-http.ts'
import { clientOf, talk } from '../kit/tls-inbound.ts'
import { serveTls } from '../kit/tls-server.ts'
import { until } from '../kit/wait.ts'

/** A whole mesh with certificates from files, as nobody's plane would ever issue these. */
function meshOf(t: Cleanup, ca: TestCa, service: string, endpoints: object = {}) {
  const dir = folder(t)
  const put = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 })
    return join(dir, name)
  }
  const svid: TestSvid = ca.issue({ service })
  const mesh = createMesh({
    service,
    certFile: put('tls.crt', svid.chainPem.join('')),
    keyFile: put('tls.key', svid.keyPem),
    endpoints: endpoints as never,
    log: 'silent',
    drainDelay: 0,
    env: { TULLE_TRUST_BUNDLE_FILE: put('ca.crt', ca.rootPem) },
  })
  t.after(() => mesh.close())
  const refusals: { peer: string; reason: string }[] = []
  ;(mesh as unknown as HasRuntime)[RUNTIME].events.on('connection-refused', (event) =>
    refusals.push(event as never),
  )
  return { mesh, refusals }
}

test('FAULTS 41, 42, SECURITY 14, 16, 17: whoever calls a mesh wrongly is refused, each with its own reason, and not a byte is delivered', async (t) => {
  const ca = TestCa.create()
  const { mesh, refusals } = meshOf(t, ca, 'orders')
  const requests: string[] = []
  const server = await mesh.serve(
    (req, res) => {
      requests.push(`${req.mesh?.peer.service} ${req.url}`)
      res.end('fine')
    },
    { signals: false, host: '127.0.0.1' },
  )
  const reasons = new Set<string>()
  for (const { kind, options, reason } of wrongKinds()) {
    const { text } = await talk(server.port, clientOf(ca, ca.issue(options)), get('/secret'))
    // Another service's is another caller: who may call whom is not a matter of authentication.
    if (String(reason).includes('billing')) {
      assert.match(text, /200/, kind)
      assert.equal(requests.pop(), 'billing /secret', `${kind}: it is who it proves to be`)
      continue
    }
    assert.equal(text, '', kind)
    await until(() => refusals.length > reasons.size, { what: `the refusal of ${kind}` })
    const said = refusals.at(-1)!.reason
    assert.match(said, reason)
    reasons.add(said)
  }
  assert.equal(reasons.size, wrongKinds().length - 2, [...reasons].join('\n'))
  const plain = await rawExchange(server.port, get('/secret'))
  assert.deepEqual([plain.status, plain.headers.get('x-tulle-refused')], [426, 'TULLE_PLAINTEXT_REFUSED'])
  const none = await talk(server.port, clientOf(ca), get('/secret'))
  assert.equal(none.text, '')
  const stranger = TestCa.create()
  assert.equal((await talk(server.port, clientOf(ca, stranger.issue()), get('/secret'))).text, '')
  assert.deepEqual(requests, [])
  const good = await talk(server.port, clientOf(ca, ca.issue({ service: 'web' })), get('/after'))
  assert.match(good.text, /200/)
  assert.deepEqual(requests, ['web /after'])
})

test('FAULTS 41, 42: whoever is called and is the wrong one is refused, each with its own reason, and not a byte is delivered', async (t) => {
  const ca = TestCa.create()
  const wrong = new Map<string, { options: object; reason: RegExp }>()
  for (const [n, { options, reason }] of wrongKinds().entries()) wrong.set(`wrong-${n}`, { options, reason })
  const servers = new Map<string, Awaited<ReturnType<typeof serveTls>>>()
  for (const [service, { options }] of wrong) {
    // The kinds are made for orders: the service is orders, behind as many names as there are kinds.
    const uris = (options as { uris?: string[] }).uris?.map((uri) =>
      uri.replace('svc/orders', `svc/${service}`),
    )
    const svid = ca.issue({ service, ...options, ...(uris === undefined ? {} : { uris }) })
    const server = await serveTls({ svid, ca })
    t.after(() => server.close())
    servers.set(service, server)
  }
  const heard: Buffer[] = []
  const plain = await listening(
    createServer((socket) =>
      socket
        .on('data', (chunk) => heard.push(chunk))
        .on('error', () => {})
        .end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    ),
  )
  t.after(() => plain.close())
  const endpoints = Object.fromEntries([...servers].map(([service, { address }]) => [service, [address]]))
  const { mesh } = meshOf(t, ca, 'web', { ...endpoints, plain: [plain.address] })
  const words: string[] = []
  for (const [service, { reason }] of wrong) {
    const error = await mesh
      .fetch(`http://${service}.mesh/secret`, { method: 'POST', body: 'secret', mesh: { retry: false } })
      .then(
        () => assert.fail(`${service} was believed`),
        (thrown: { code: string; message: string }) => thrown,
      )
    assert.equal(error.code, 'TULLE_PEER', error.message)
    assert.match(error.message, reason, error.message)
    assert.equal(servers.get(service)!.delivered(), 0)
    words.push(error.message.replaceAll(service, '').replace(/127\.0\.0\.1:\d+/, ''))
  }
  assert.ok(new Set(words).size >= words.length - 1, words.join('\n'))
  const refused = await mesh
    .fetch('http://plain.mesh/secret', { method: 'POST', body: 'secret' })
    .catch((error) => error)
  assert.equal(refused.code, 'TULLE_TLS')
  assert.match(refused.message, /speaks plaintext/)
  assert.doesNotMatch(Buffer.concat(heard).toString('latin1'), /secret|HTTP/)
})
