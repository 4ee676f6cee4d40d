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
  return { ask, reached, harness }
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
