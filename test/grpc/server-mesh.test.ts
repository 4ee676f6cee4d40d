import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import { client, serve } from '../../src/grpc/index.ts'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { createMesh } from '../../src/index.ts'
import { closing, observe, quote } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { pricingGrpc } from '../kit/grpc/pricing-server.ts'
import { type Behave, PricingService } from '../kit/grpc/pricing-service.ts'
import type { Cleanup } from '../kit/process.ts'
import { delay, until, within } from '../kit/wait.ts'

function meshOfService(t: Cleanup, service: string, endpoints: Record<string, string[]> = {}) {
  const mesh = createMesh({ service, log: 'silent', env: {}, endpoints })
  t.after(() => mesh.close())
  return mesh
}

async function member(t: Cleanup, behaviour: Behave = {}, port = 0) {
  const mesh = meshOfService(t, 'pricing')
  const service = new PricingService(behaviour)
  t.after(() => service.close())
  const grpc = pricingGrpc(service)
  const listening = await serve(mesh, grpc, { signals: false, host: '127.0.0.1', port })
  return { mesh, service, grpc, listening }
}

test('a served mesh names its listener, shows its inbound stack, and drains with its last call', async (t) => {
  const { mesh, service, listening } = await member(t, { delayMs: 100 })
  assert.deepEqual(mesh.health().listeners, [
    { host: '127.0.0.1', port: listening.port, protocol: 'grpc', mtls: 'disable' },
  ])
  assert.deepEqual(
    mesh.describeInbound().map(({ role }) => role),
    ['gate', 'trace', 'meter', 'deadline', 'leaf'],
  )
  const web = meshOfService(t, 'web', { pricing: [`127.0.0.1:${listening.port}`] })
  const pricing = closing(t, client(web, Pricing, 'pricing'))
  const running = quote(pricing, { id: 'running' })
  await until(() => service.ledger.times('running') === 1, { what: 'a running call' })
  await within(mesh.close(), 5000, 'the close')
  assert.equal((await running).id, 'running')
})

test('a call whose caller gave up on the way is refused before its handler, and says so', async (t) => {
  const { service, listening } = await member(t)
  const web = meshOfService(t, 'web', { pricing: [`127.0.0.1:${listening.port}`] })
  const metadata = new Metadata()
  metadata.set('x-envoy-expected-rq-timeout-ms', '0')
  const { error } = await observe(closing(t, client(web, Pricing, 'pricing')), 'quote', { metadata })
  assert.equal(error?.code, status.DEADLINE_EXCEEDED)
  assert.match(error?.details ?? '', /TULLE_TOO_LATE \(deadline\)/)
  assert.equal(service.ledger.executions.length, 0)
})

test('the deadline of an inbound call bounds the calls its handler makes, and its caller takes them along', async (t) => {
  const behind = await member(t, { never: true })
  const front = createMesh({
    service: 'front',
    log: 'silent',
    env: {},
    endpoints: { pricing: [`127.0.0.1:${behind.listening.port}`] },
  })
  t.after(() => front.close())
  const inner = closing(t, client(front, Pricing, 'pricing'))
  const service = new PricingService()
  const grpc = pricingGrpc(service)
  grpc.removeService(Pricing.service)
  const codes: unknown[] = []
  grpc.addService(Pricing.service, {
    quote: async (call: any, done: any) => {
      assert.ok(meshOf(call)?.remainingMs() !== undefined)
      const error = await quote(inner, { id: call.request.id }).catch((error) => error)
      codes.push(error.code)
      done(error)
    },
  })
  const listening = await serve(front, grpc, { signals: false, host: '127.0.0.1' })
  const web = meshOfService(t, 'web', { front: [`127.0.0.1:${listening.port}`] })
  const outer = closing(t, client(web, Pricing, 'front'))
  const first = await observe(outer, 'quote', { options: { deadline: Date.now() + 150 } })
  assert.equal(first.error?.code, status.DEADLINE_EXCEEDED)
  await until(() => codes.length === 1 && behind.service.ledger.cancelled === 1, {
    what: 'the end of the inner call',
    seen: () => [codes, behind.service.ledger.cancelled],
  })
  const deadline = Number(behind.service.ledger.executions[0]?.deadline)
  assert.ok(deadline < Date.now() + 150, 'the inner call had no more time than the outer one')

  const second = observe(outer, 'quote', {
    options: { deadline: Date.now() + 20_000 },
    onCall: (call) =>
      void until(() => behind.service.ledger.executions.length === 2, { what: 'the call' }).then(() =>
        call.cancel(),
      ),
  })
  assert.equal((await second).error?.code, status.CANCELLED)
  await until(() => behind.service.ledger.cancelled === 2, { what: 'the end of the inner call' })
})

test('FAULTS 62: a mesh caller loses no call while its servers restart in turns', async (t) => {
  const start = (port = 0) => member(t, () => ({ delayMs: 1 }), port)
  const members = [await start(), await start(), await start()]
  const web = meshOfService(t, 'web', {
    pricing: members.map(({ listening }) => `127.0.0.1:${listening.port}`),
  })
  const pricing = closing(t, client(web, Pricing, 'pricing'))
  let over = false
  let sent = 0
  const lost: string[] = []
  const callers = Array.from({ length: 16 }, async () => {
    while (!over) {
      sent++
      const { error } = await observe(pricing, 'quote', { options: { deadline: Date.now() + 10_000 } })
      if (error !== undefined) lost.push(error.message)
    }
  })
  for (let n = 0; n < 6; n++) {
    const at = n % 3
    await delay(30)
    const { mesh, listening } = members[at]!
    await mesh.close()
    members[at] = await start(listening.port)
    // A rollout goes on when the new instance is ready, and callers that ejected the old one have found it.
    await until(() => members[at]!.service.ledger.executions.length > 0, {
      what: 'calls at the new instance',
    })
  }
  over = true
  await Promise.all(callers)
  assert.deepEqual(lost.slice(0, 3), [], `${lost.length} of ${sent} calls were lost`)
  assert.ok(sent > 500, `${sent} calls`)
})
