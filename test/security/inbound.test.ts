import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { compilePattern } from '../../src/control/linear-pattern.ts'
import type { Call } from '../../src/core/call.ts'
import type { CallLayer } from '../../src/core/hop.ts'
import { authorize } from '../../src/security/authorize.ts'
import { compileIntentions } from '../../src/security/intentions.ts'
import { createServe } from '../../src/server/http.ts'
import { makeDeps } from '../kit/builders.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { PRICING } from '../kit/grpc/pricing.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import { idOf, intention } from '../kit/intentions.ts'
import { rawExchange } from '../kit/raw-http.ts'

/** The layer by these intentions, default allow, for calls of `web`. */
function judging(...permissions: object[]): CallLayer {
  const rules = compileIntentions(
    'orders',
    [intention('web', 'orders', { Permissions: permissions })],
    compilePattern,
  )
  const authorizer = {
    judge: (request: Parameters<typeof rules.judge>[0]) =>
      rules.judge(request) ?? { allowed: true, reason: 'default allow' },
  }
  const layer = authorize.layer(undefined, { ...makeDeps(), authorizer })!
  return (next) => {
    const inner = layer(next)
    return (call, observer) => {
      // Who calls is TLS's business; these tests come in plaintext.
      ;(call as { peer: Call<unknown>['peer'] }).peer = { id: idOf('web'), service: 'web' }
      return inner(call, observer)
    }
  }
}

const denyAdmin = { Action: 'deny', HTTP: { Header: [{ Name: 'x-role', Exact: 'admin' }] } }

async function over(t: { after(fn: () => Promise<void>): void }, layer: CallLayer) {
  const harness = inboundHarness({ layer })
  const reached: string[] = []
  const serving = await createServe(harness.runtime)(
    (req, res) => {
      reached.push(req.url ?? '')
      res.end('in')
    },
    { signals: false, host: '127.0.0.1' },
  )
  t.after(() => serving.close({ graceMs: 0 }))
  const ask = (target: string, ...headers: string[]) =>
    rawExchange(
      serving.port,
      [
        'GET ',
        target,
        ' HTTP/1.1\r\nhost: orders\r\nconnection: close\r\n',
        ...headers.map((line) => `${line}\r\n`),
        '\r\n',
      ].join(''),
    )
  return { ask, reached, harness, port: serving.port }
}

test('SECURITY 8, 9: a header that is sent twice, in either order, on one line or on two', async (t) => {
  const { ask, reached } = await over(t, judging(denyAdmin))
  for (const headers of [
    ['x-role: admin'],
    ['X-Role: user', 'x-role: admin'],
    ['x-role: admin', 'X-ROLE: user'],
    ['x-role: user,admin'],
    ['x-role: user, admin '],
    ['x-role:admin\t'],
  ])
    assert.equal((await ask('/', ...headers)).status, 403, headers.join(' | '))
  assert.deepEqual(reached, [])
  assert.equal((await ask('/', 'x-role: user')).status, 200)
  assert.equal((await ask('/')).status, 200)
})

test('SECURITY 2, 21: what is judged is the path that the application gets', async (t) => {
  const { ask, reached } = await over(t, judging({ Action: 'deny', HTTP: { PathPrefix: '/admin' } }))
  for (const path of [
    '/admin',
    '//admin',
    '/./admin',
    '/a/../admin',
    '/%61dmin',
    '/a/%2e%2e/admin',
    '/admin%2Fx',
    '/admin?x=/..',
  ])
    assert.equal((await ask(path)).status, 403, path)
  assert.deepEqual(reached, [])
  assert.equal((await ask('/items?x=/admin')).status, 200)
})

test('who is denied learns that, by which layer, and nothing of the rules', async (t) => {
  const { ask, harness } = await over(t, judging({ Action: 'deny', HTTP: { PathPrefix: '/secret-plans' } }))
  const { status: code, body, headers } = await ask('/secret-plans')
  assert.equal(code, 403)
  assert.equal(headers.get('x-tulle-refused'), 'TULLE_DENIED')
  const { code: named, layer, message, hint } = JSON.parse(body)
  assert.deepEqual(
    [named, layer, message],
    ['TULLE_DENIED', 'authorize', 'This caller may not do this here.'],
  )
  assert.doesNotMatch(`${message} ${hint}`, /intention|permission|secret|web|orders/)
  const [end] = harness.seen[0]!.ends
  assert.equal(end?.error?.message, 'intention web → orders, permission 1: deny', 'the log has it')
})

const HEAD = 'host: orders\r\nconnection: close\r\n'
const RAW: Readonly<Record<string, string>> = {
  CONNECT: `CONNECT orders:80 HTTP/1.1\r\n${HEAD}\r\n`,
  'CONNECT to a path': `CONNECT /admin HTTP/1.1\r\n${HEAD}\r\n`,
  'OPTIONS *': `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`,
  'the absolute form': `GET http://orders/admin HTTP/1.1\r\n${HEAD}\r\n`,
  'the absolute form of somebody else': `GET http://evil/admin HTTP/1.1\r\n${HEAD}\r\n`,
  'the authority form': `GET orders:80 HTTP/1.1\r\n${HEAD}\r\n`,
  'HTTP/1.0 without a Host': 'GET /admin HTTP/1.0\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'Upgrade: h2c': `GET /admin HTTP/1.1\r\n${HEAD.replace('close', 'close, upgrade, http2-settings')}upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
  'Expect: 100-continue': `POST /admin HTTP/1.1\r\n${HEAD}expect: 100-continue\r\ncontent-length: 1\r\n\r\nx`,
  'Expect: something': `POST /admin HTTP/1.1\r\n${HEAD}expect: something\r\ncontent-length: 1\r\n\r\nx`,
  'a method in lower case': `get /admin HTTP/1.1\r\n${HEAD}\r\n`,
  'a method of WebDAV': `PROPFIND /admin HTTP/1.1\r\n${HEAD}\r\n`,
  TRACE: `TRACE /admin HTTP/1.1\r\n${HEAD}\r\n`,
  'an empty target': `GET  HTTP/1.1\r\n${HEAD}\r\n`,
  'a query alone': `GET ?x HTTP/1.1\r\n${HEAD}\r\n`,
  'a fragment': `GET /public#/../admin HTTP/1.1\r\n${HEAD}\r\n`,
  'two in one': `GET /admin HTTP/1.1\r\nhost: orders\r\n\r\nGET /admin HTTP/1.1\r\n${HEAD}\r\n`,
}

for (const [name, bytes] of Object.entries(RAW))
  test(`SECURITY 2, 7: where every path is denied, ${name} reaches no handler`, async (t) => {
    const { port, reached } = await over(t, judging({ Action: 'deny', HTTP: { PathPrefix: '/' } }))
    const { status: code } = await rawExchange(port, bytes)
    assert.ok(Number.isNaN(code) || code === 0 || code >= 400, `${code}`)
    assert.deepEqual(reached, [])
  })

test('a request to switch protocols is judged like every other', async (t) => {
  const { ask } = await over(t, judging({ Action: 'deny', HTTP: { PathExact: '/socket' } }))
  const answer = await ask('/socket', 'upgrade: websocket', 'connection: upgrade')
  assert.equal(answer.status, 403)
})

test('gRPC calls are judged by method and metadata, and are told as little', async (t) => {
  const binary = { Name: 'token-bin', Exact: Buffer.from('no').toString('base64') }
  const { client } = await inboundGrpc(t, {
    layer: judging(
      denyAdmin,
      { Action: 'deny', HTTP: { Header: [binary] } },
      { Action: 'deny', HTTP: { Header: [{ Name: 'content-type', Prefix: 'text/' }] } },
      {
        Action: 'allow',
        HTTP: {
          PathExact: `/${PRICING}/Quote`,
          Methods: ['POST'],
          Header: [
            { Name: 'content-type', Prefix: 'application/grpc' },
            { Name: 'te', Exact: 'trailers' },
          ],
        },
      },
      { Action: 'deny', HTTP: { PathPrefix: '/' } },
    ),
  })
  const stub = client()
  const quote = (fill: (metadata: Metadata) => void = () => {}) =>
    new Promise<ServiceError | null>((resolve) => {
      const metadata = new Metadata()
      fill(metadata)
      stub.quote({ sku: 'a' }, metadata, (error: ServiceError | null) => resolve(error))
    })
  assert.equal(await quote(), null)
  for (const fill of [
    (metadata: Metadata) => metadata.set('x-role', 'admin'),
    (metadata: Metadata) => {
      metadata.add('x-role', 'user')
      metadata.add('x-role', 'admin')
    },
    (metadata: Metadata) => metadata.set('token-bin', Buffer.from('no')),
  ]) {
    const error = await quote(fill)
    assert.equal(error?.code, status.PERMISSION_DENIED)
    assert.match(error.details, /^TULLE_DENIED \(authorize\): This caller may not do this here\./)
    assert.doesNotMatch(error.details, /intention|permission/)
    assert.deepEqual(error.metadata.get('x-tulle-refused'), ['TULLE_DENIED'])
  }
  assert.equal(await quote((metadata) => metadata.set('x-role', 'user')), null)
})
