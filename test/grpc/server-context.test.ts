import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { MeshRequest } from '../../src/core/mesh-request.ts'
import { meshOf } from '../../src/grpc/mesh-of.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { observe, quote } from '../kit/grpc/observe.ts'
import { Pricing } from '../kit/grpc/pricing.ts'
import { denying } from '../kit/inbound-harness.ts'
import { until, within } from '../kit/wait.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function metadata(entries: Record<string, string>): Metadata {
  const all = new Metadata()
  for (const [name, value] of Object.entries(entries))
    all.add(name, name.endsWith('-bin') ? Buffer.from(value) : value)
  return all
}

/** The error of a call that must fail. */
function failing(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => assert.fail('the call went well'),
    (error) => error as ServiceError,
  )
}

/** Puts a handler of the test's own in the place of `Quote`. */
function handling(
  grpc: { removeService(s: any): void; addService(s: any, i: any): void },
  handler: any,
  more: object = {},
): void {
  const { quote } = Pricing.service as unknown as Record<string, unknown>
  const one = { quote: quote ?? (Pricing.service as any).Quote }
  grpc.removeService(one)
  grpc.addService({ quote: { ...one.quote, ...more } }, { quote: handler })
}

test('handlers of every kind run inside the ambient of their call, and know the mesh', async (t) => {
  const { client, grpc } = await inboundGrpc(t)
  const found: unknown[] = []
  const look = (call: any): void => {
    const ambient = ambientStore.get()
    const mesh = meshOf(call)
    found.push([
      ambient?.trace?.traceId,
      ambient?.baggage,
      ambient?.protocol,
      mesh?.peer.address,
      mesh?.previousAttempts,
      (mesh?.remainingMs() ?? 0) > 4000 && (mesh?.remainingMs() ?? 0) <= 5000,
    ])
  }
  const answer = { sku: 'x' }
  grpc.removeService(Pricing.service)
  grpc.addService(Pricing.service, {
    quote: async (call: any, done: any) => {
      await Promise.resolve()
      look(call)
      done(null, answer)
    },
    upload: (call: any, done: any) => {
      call.on('data', () => look(call))
      call.on('end', () => done(null, answer))
    },
    watch: (call: any) => {
      look(call)
      call.write(answer)
      call.end()
    },
    chat: async (call: any) => {
      // On Node 20 the plain iterator of a duplex takes its writable side along, with grpc-js alone as well.
      for await (const _ of call.iterator({ destroyOnReturn: false })) look(call)
      call.end()
    },
  })
  const pricing = client()
  for (const method of ['quote', 'upload', 'watch', 'chat'] as const) {
    const { error } = await observe(pricing, method, {
      metadata: metadata({ traceparent: TRACE, baggage: 'a=1,b=2', 'grpc-previous-rpc-attempts': '2' }),
      options: { deadline: Date.now() + 5000 },
    })
    assert.equal(error, undefined)
  }
  const expected = [TRACE.slice(3, 35), 'a=1,b=2', 'grpc', '127.0.0.1', 2, true]
  assert.deepEqual(found, [expected, expected, expected, expected])
})

/** As many interceptors of applications do. */
const replacing: ServerInterceptor = (_definition, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata: (given: Metadata, pass: (next: Metadata) => void) => pass(given.clone()),
      } as never),
  })

test('the mesh is found through the ambient where an interceptor of the application replaces the metadata', async (t) => {
  let found: MeshRequest | undefined
  const { client, grpc } = await inboundGrpc(t, { server: { interceptors: [replacing] } })
  handling(grpc, (call: any, done: any) => {
    found = meshOf(call)
    done(null, {})
  })
  await quote(client())
  assert.equal(found?.peer.address, '127.0.0.1')
  assert.equal(meshOf({ metadata: new Metadata() }), undefined)
})

test('a handler that looks at the call of somebody else is never told that it is its own', async (t) => {
  const calls: any[] = []
  let found: (MeshRequest | undefined)[] = []
  const { client, grpc } = await inboundGrpc(t, { server: { interceptors: [replacing] } })
  handling(grpc, (call: any, done: any) => {
    calls.push(call)
    found = [...calls, { metadata: new Metadata(), peer: calls[0].getPeer() }].map((one) => meshOf(one))
    done(null, {})
  })
  await quote(client())
  assert.equal(found[0], found[1], 'by its peer, as nice-grpc has it')
  await quote(client())
  const [first, second, named] = found
  assert.deepEqual([first, second?.peer.address, named], [undefined, '127.0.0.1', undefined])
})

test('what speaks for an identity or for the mesh is taken off before the application sees it', async (t) => {
  const { client, service } = await inboundGrpc(t)
  await quote(
    client(),
    {},
    metadata({
      'x-forwarded-client-cert': 'By=spiffe://evil',
      'client-cert': 'x',
      'x-tulle-previous-attempts': '9',
      'x-tulle-refused': 'TULLE_DRAINING',
      'x-kept': 'yes',
      'bytes-bin': 'kept',
    }),
  ).catch(() => {})
  const { metadata: seen } = service.ledger.executions[0] ?? assert.fail('no execution')
  assert.deepEqual(
    Object.keys(seen.getMap())
      .filter((name) => name !== 'user-agent')
      .sort(),
    ['bytes-bin', 'x-kept'],
  )
})

test('a name that others read as one of ours is refused, and so is a second host', async (t) => {
  const { client, service, told } = await inboundGrpc(t)
  for (const entries of [{ x_tulle_refused: 'x' }, { host: 'elsewhere' }, { grpc_timeout: '1S' }]) {
    const error = await failing(quote(client(), {}, metadata(entries as never)))
    assert.equal(error.code, status.INVALID_ARGUMENT)
    assert.match(error.details, /TULLE_BAD_REQUEST \(canonical\)/)
  }
  assert.equal(service.ledger.executions.length, 0)
  assert.equal(told.filter(({ name }) => name === 'request').length, 3)
})

test("nobody's deadline, attempts or baggage are believed at a public door, but its trace is", async (t) => {
  const { TestCa } = await import('../kit/certificates.ts')
  const { servingIdentity } = await import('../kit/tls-inbound.ts')
  const { client, grpc } = await inboundGrpc(t, {
    identity: servingIdentity(TestCa.create()),
    serve: { mtls: 'disable' },
  })
  let found: unknown
  handling(grpc, (call: any, done: any) => {
    const ambient = ambientStore.get()
    const { remainingMs, previousAttempts } = meshOf(call)!
    found = [
      ambient?.deadline,
      remainingMs.call(meshOf(call)!),
      previousAttempts,
      ambient?.baggage,
      ambient?.trace?.flags,
    ]
    done(null, {})
  })
  await quote(
    client(),
    {},
    metadata({
      traceparent: TRACE,
      baggage: 'a=1',
      'grpc-previous-rpc-attempts': '2',
      'x-envoy-expected-rq-timeout-ms': '500',
    }),
    { deadline: Date.now() + 5000 },
  )
  assert.deepEqual(found, [undefined, undefined, 0, undefined, 1])
})

test("the shorter of the deadline and of Envoy's header counts, and is enforced", async (t) => {
  const { client, service, harness, grpc } = await inboundGrpc(t)
  const ended: unknown[] = []
  handling(grpc, (call: any) => {
    const { signal } = meshOf(call)!
    signal.addEventListener('abort', () => ended.push(signal.reason.code))
    service.close()
  })
  const started = performance.now()
  const error = await within(
    failing(
      quote(client(), {}, metadata({ 'x-envoy-expected-rq-timeout-ms': '80' }), {
        deadline: Date.now() + 20_000,
      }),
    ),
    5000,
    'the end of the call',
  )
  assert.equal(error.code, status.DEADLINE_EXCEEDED)
  assert.match(error.details, /TULLE_DEADLINE/)
  assert.equal(error.metadata.get('x-tulle-refused').length, 0, 'the application has seen it')
  assert.ok(performance.now() - started >= 75)
  assert.deepEqual(ended, ['TULLE_DEADLINE'])
  const [end] = harness.seen[0]!.ends
  assert.deepEqual([end?.class, end?.condition, end?.status], ['failure', 'deadline', 'deadline-exceeded'])
})

test('FAULTS 16: a passed deadline ends the call here as well, once, with its children', async (t) => {
  const { client, harness, grpc } = await inboundGrpc(t)
  const ended: unknown[] = []
  handling(grpc, (call: any) => {
    meshOf(call)!.signal.addEventListener('abort', () => ended.push('signal'))
    ambientStore.get()?.scope?.onCancel(() => ended.push('children'))
    call.on('cancelled', () => ended.push('cancelled'))
  })
  const error = await failing(quote(client(), {}, new Metadata(), { deadline: Date.now() + 80 }))
  assert.equal(error.code, status.DEADLINE_EXCEEDED)
  await within(
    (async () => {
      while (ended.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    })(),
    3000,
    'the end of the handler',
  )
  assert.deepEqual([...ended].sort(), ['cancelled', 'children', 'signal'])
  assert.equal(harness.seen[0]?.ends.length, 1)
  assert.equal(harness.gate.inFlight, 0)
})

test('a layer that refuses answers trailers only, names itself, and says that nobody has seen the call', async (t) => {
  const { client, service, harness } = await inboundGrpc(t, {
    layer: denying((path) => path.endsWith('/Quote')),
  })
  const seen = await observe(client(), 'quote')
  assert.equal(seen.error?.code, status.UNAVAILABLE)
  assert.match(seen.error?.details ?? '', /^TULLE_DRAINING \(denying\): denied/)
  assert.deepEqual(seen.error?.metadata['x-tulle-refused'], ['TULLE_DRAINING'])
  assert.equal(service.ledger.executions.length, 0)
  assert.deepEqual([harness.seen[0]?.heads.length, harness.seen[0]?.ends.length], [0, 1])
  assert.equal((await observe(client(), 'watch', { asks: [{ count: 1 }] })).status?.code, status.OK)
})

test('an application cannot say for us that it has not seen a call', async (t) => {
  const refused = { 'x-tulle-refused': 'TULLE_DRAINING', 'x-kept': 'yes' }
  const { client, service } = await inboundGrpc(t)
  for (const behaviour of [
    { code: status.UNAVAILABLE, trailers: refused },
    { code: status.UNAVAILABLE, trailers: refused, initial: refused },
    { trailers: refused, initial: refused },
  ]) {
    service.behaviour = behaviour
    for (const method of ['quote', 'watch', 'upload', 'chat'] as const) {
      const seen = await observe(client(), method)
      assert.equal(seen.metadata?.['x-tulle-refused'], undefined)
      assert.equal(seen.status?.metadata['x-tulle-refused'], undefined)
      assert.deepEqual(seen.status?.metadata['x-kept'], ['yes'])
    }
  }
})

test('a handler that throws is a failure; an answer that cannot be serialised ends its call once as well', async (t) => {
  const { client, harness, grpc } = await inboundGrpc(t)
  handling(grpc, () => {
    throw new Error('no')
  })
  assert.equal((await failing(quote(client()))).code, status.UNKNOWN)
  const [thrown] = harness.seen[0]!.ends
  assert.deepEqual([thrown?.class, thrown?.code], ['failure', status.UNKNOWN])
  const responseSerialize = (): never => {
    throw new Error('not serialisable')
  }
  handling(grpc, (_call: any, done: any) => done(null, {}), { responseSerialize })
  assert.equal((await failing(quote(client()))).code, status.INTERNAL)
  await until(() => harness.inFlight() === 0, { what: 'the end' })
  assert.deepEqual(
    harness.seen.map(({ ends }) => ends.length),
    [1, 1],
  )
  assert.equal(harness.gate.inFlight, 0)
})
