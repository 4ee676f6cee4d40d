import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as newest from '@grpc/grpc-js'
// The oldest release of the supported range, of the same shape as the newest in what is used here.
import * as oldestLibrary from 'grpc-js-oldest'
import { RUNTIME } from '../../src/core/runtime.ts'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { type GrpcLibrary, servingWith } from '../../src/grpc/server.ts'
import { listeningRuntime } from '../kit/grpc/inbound.ts'
import { closing, observe } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { PricingService } from '../kit/grpc/pricing-service.ts'
import { denying, inboundHarness } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { until, within } from '../kit/wait.ts'

const oldest = oldestLibrary as unknown as typeof newest

async function served(t: Cleanup, library: typeof newest, denied = '') {
  const harness = inboundHarness({ layer: denying((path) => path.endsWith(`/${denied}`)) })
  const { runtime } = listeningRuntime(harness)
  const service = new PricingService()
  const server = new library.Server()
  server.addService(Pricing.service, service.implementation)
  const serve = servingWith(library as unknown as GrpcLibrary)
  const listening = await serve({ [RUNTIME]: runtime }, server, { signals: false, host: '127.0.0.1' })
  t.after(async () => {
    service.close()
    await listening.close({ graceMs: 0 })
  })
  const client = () =>
    closing(
      t,
      new Pricing(`127.0.0.1:${listening.port}`, newest.credentials.createInsecure(), {
        'grpc.use_local_subchannel_pool': 1,
      }),
    )
  return { harness, service, server, listening, client }
}

for (const [name, library] of [
  ['newest', newest],
  ['oldest', oldest],
] as const) {
  test(`${name} grpc-js: every kind of call goes through the stack, and its head, end and refusal are those of the other`, async (t) => {
    const { harness, client, service } = await served(t, library, 'Upload')
    const pricing = client()
    for (const method of ['quote', 'watch', 'chat'] as const) {
      const seen = await observe(pricing, method, { asks: [{ id: method, count: 3 }, { id: method }] })
      assert.deepEqual([method, seen.status?.code], [method, newest.status.OK])
    }
    const refused = await observe(pricing, 'upload')
    assert.deepEqual(
      [refused.error?.code, refused.error?.metadata['x-tulle-refused'], refused.metadata],
      [newest.status.UNAVAILABLE, ['TULLE_DRAINING'], undefined],
    )
    assert.equal(service.ledger.times(''), 0)
    await until(() => harness.inFlight() === 0, { what: 'every end' })
    assert.deepEqual(
      harness.seen.map(({ heads, ends }) => [heads[0]?.class, ends.length]),
      [...Array.from({ length: 3 }, () => ['undecided', 1]), [undefined, 1]],
    )
  })

  test(`${name} grpc-js: who brings a call is asked of its own connection, and the mesh is found by its metadata`, async (t) => {
    const { server, client } = await served(t, library)
    const found: unknown[] = []
    server.removeService(Pricing.service)
    server.addService(Pricing.service, {
      quote: (call: any, done: any) => {
        found.push(meshOf(call)?.peer.address)
        done(null, {})
      },
    })
    await Promise.all([observe(client(), 'quote'), observe(client(), 'quote')])
    assert.deepEqual(found, ['127.0.0.1', '127.0.0.1'])
  })

  test(`${name} grpc-js: destroying an injector is a GOAWAY, and what runs on it ends well`, async (t) => {
    const { harness, service, listening, client } = await served(t, library)
    service.behaviour = { delayMs: 150, initial: { 'x-a': 'b' } }
    const pricing = client()
    const unary = observe(pricing, 'quote')
    const stream = observe(pricing, 'watch', { asks: [{ count: 5 }] })
    await until(() => harness.inFlight() === 2, { what: 'running calls' })
    const [draining] = [...harness.servers]
    draining!.announce()
    const later = observe(pricing, 'quote')
    assert.deepEqual(
      (await Promise.all([unary, stream, later])).map(({ status }) => status?.code),
      [0, 0, 0],
    )
    assert.equal(
      new Set(service.ledger.executions.map(({ peer }) => peer)).size,
      2,
      'the later one came anew',
    )
    await within(listening.close(), 5000, 'the close')
  })
}

test('a server of nobody, or of a copy that is too old, is refused by name', async () => {
  const { runtime } = listeningRuntime(inboundHarness())
  const serve = servingWith(newest)
  const mesh = { [RUNTIME]: runtime }
  for (const [server, hint] of [
    [{}, /new Server/],
    [undefined, /new Server/],
    [{ addService: () => {} }, /1\.12\.6 or newer/],
  ] as const)
    await assert.rejects(serve(mesh, server as never), { code: 'TULLE_CONFIG', hint })
  await assert.rejects(serve({} as never, new newest.Server()), { code: 'TULLE_CONFIG' })
  await assert.rejects(
    serve({ [RUNTIME]: { ...runtime, listen: undefined } } as never, new newest.Server()),
    {
      code: 'TULLE_CONFIG',
    },
  )
  await assert.rejects(serve(mesh, new newest.Server(), { health: ['a'], prot: 1 } as never), {
    code: 'TULLE_CONFIG',
    message: /prot is not an option/,
  })
  for (const health of ['pricing.v1.Pricing', [1], null, true])
    await assert.rejects(serve(mesh, new newest.Server(), { health } as never), {
      code: 'TULLE_CONFIG',
      message: /option health: expected false or a list of names/,
    })
})

test('a server of another copy of grpc-js is refused by name, not at the first connection', async () => {
  const { runtime } = listeningRuntime(inboundHarness())
  const serve = servingWith(newest)
  await assert.rejects(serve({ [RUNTIME]: runtime }, new oldest.Server(), { signals: false }), {
    code: 'TULLE_CONFIG',
    message: /another copy of @grpc\/grpc-js/,
  })
})
