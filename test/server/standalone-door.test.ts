import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import express from 'express'
import Fastify from 'fastify'
import type { MtlsMode } from '../../src/core/identity.ts'
import { type HasRuntime, RUNTIME, type Runtime } from '../../src/core/runtime.ts'
import { meshMiddleware } from '../../src/server/express.ts'
import { meshPlugin, serverFactory } from '../../src/server/fastify.ts'
import { TestCa } from '../kit/certificates.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import { get, rawExchange } from '../kit/raw-http.ts'
import { clientOf, servingIdentity, talk, withIdentity } from '../kit/tls-inbound.ts'

interface Stage {
  readonly mesh: HasRuntime
  readonly ca: TestCa
  readonly errors: object[]
  readonly told: unknown[]
}

function stage(mode: MtlsMode): Stage {
  const ca = TestCa.create()
  const { runtime, errors } = inboundHarness()
  const told: unknown[] = []
  const events = {
    ...runtime.events,
    wants: () => true,
    emit: (name: string, payload: unknown) => void (name === 'plaintext-request' && told.push(payload)),
  }
  const full: Runtime = withIdentity({ ...runtime, events }, servingIdentity(ca), mode)
  return { mesh: { [RUNTIME]: full }, ca, errors, told }
}

async function expressApp({ mesh }: Stage, run: (port: number) => Promise<void>): Promise<void> {
  const app = express()
  app.use(meshMiddleware(mesh))
  app.get('/', (req, res) => void res.json({ deadline: req.mesh?.deadline ?? null }))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await run((server.address() as AddressInfo).port)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

const DEADLINE = 'x-envoy-expected-rq-timeout-ms: 5000'

test('under strict a middleware on a server of its own refuses everything, with one line that names the way out', async () => {
  const strict = stage('strict')
  await expressApp(strict, async (port) => {
    for (let time = 0; time < 3; time++) {
      const answer = await rawExchange(port, get('/'))
      assert.deepEqual(
        [answer.status, answer.headers.get('x-tulle-refused')],
        [426, 'TULLE_PLAINTEXT_REFUSED'],
      )
    }
  })
  assert.equal(strict.errors.length, 1)
  assert.match(JSON.stringify(strict.errors), /mesh\.serve.*serverFactory/)
})

test('under permissive a middleware counts, and believes deadlines as before', async () => {
  const permissive = stage('permissive')
  await expressApp(permissive, async (port) => {
    assert.doesNotMatch((await rawExchange(port, get('/', DEADLINE))).body, /"deadline":null/)
  })
  assert.deepEqual(permissive.told, [{ peer: '127.0.0.1' }])
})

test('where the mesh is a public door a middleware believes nobody', () =>
  expressApp(stage('disable'), async (port) => {
    assert.match((await rawExchange(port, get('/', DEADLINE))).body, /"deadline":null/)
  }))

test('under strict the plugin without serverFactory refuses everything, with one line', async () => {
  const strict = stage('strict')
  const app = Fastify()
  await app.register(meshPlugin, { mesh: strict.mesh })
  let handled = 0
  app.get('/', async () => ++handled)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (let time = 0; time < 2; time++) assert.equal((await rawExchange(port, get('/'))).status, 426)
  await app.close()
  assert.deepEqual([handled, strict.errors.length], [0, 1])
})

test('serverFactory brings the mesh’s mode, or its own, and the plugin the peer', async () => {
  for (const mtls of [undefined, 'disable'] as const) {
    const strict = stage('strict')
    const app = Fastify({ serverFactory: serverFactory(strict.mesh, mtls === undefined ? {} : { mtls }) })
    await app.register(meshPlugin, { mesh: strict.mesh })
    app.get('/', async ({ mesh }) => `from ${mesh?.peer.service}`)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const { ca } = strict
    if (mtls === undefined) {
      assert.match((await talk(port, clientOf(ca, ca.issue()), get('/'))).text, /from orders/)
      assert.equal((await rawExchange(port, get('/'))).status, 426)
    } else assert.match((await rawExchange(port, get('/'))).body, /from undefined/)
    await app.close()
    assert.equal(strict.errors.length, 0)
  }
})
