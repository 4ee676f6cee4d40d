import assert from 'node:assert/strict'
import { connect as connectHttp2, constants } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  credentials,
  experimental,
  Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js'
import { closing, observe, quote } from '../../kit/grpc/observe.ts'
import { PRICING, Pricing, type PricingClient } from '../../kit/grpc/pricing.ts'
import { type Behave, PricingService } from '../../kit/grpc/pricing-service.ts'
import { frame } from '../../kit/grpc/raw-server.ts'
import { until, within } from '../../kit/wait.ts'

/** Run by `versions.test.ts` with each end of the supported range: what the server adapter builds on. */

interface Door {
  readonly address: string
  readonly service: PricingService
  readonly grpc: Server
  /** One per connection, in the order they came. */
  readonly injectors: ReturnType<Server['createConnectionInjector']>[]
  readonly sockets: Socket[]
}

/** Each connection gets an injector of its own, with interceptors of its own. */
async function door(
  t: TestContext,
  interceptors: (socket: Socket) => ServerInterceptor[],
  behaviour: Behave = {},
  own: ServerInterceptor[] = [],
): Promise<Door> {
  const service = new PricingService(behaviour)
  const grpc = new Server({ interceptors: own })
  grpc.addService(Pricing.service, service.implementation)
  const injectors: Door['injectors'] = []
  const sockets: Socket[] = []
  const listener = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    const injector = grpc.createConnectionInjector(
      experimental.createServerCredentialsWithInterceptors(
        ServerCredentials.createInsecure(),
        interceptors(socket),
      ),
    )
    injectors.push(injector)
    injector.injectConnection(socket)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    service.close()
    grpc.forceShutdown()
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((resolve) => listener.close(() => resolve()))
  })
  const { port } = listener.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, service, grpc, injectors, sockets }
}

function clientOf(t: TestContext, { address }: Door): PricingClient {
  const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 }
  return closing(t, new Pricing(address, credentials.createInsecure(), options))
}

const noting =
  (name: string, log: string[]): ServerInterceptor =>
  (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        log.push(`${name} start ${method.path}`)
        next({
          onReceiveMetadata: (metadata, pass) => {
            log.push(`${name} metadata`)
            pass(metadata)
          },
          onReceiveMessage: (message, pass) => {
            log.push(`${name} message`)
            pass(message)
          },
          onReceiveHalfClose: (pass) => {
            log.push(`${name} half-close`)
            pass()
          },
        })
      },
      sendMetadata: (metadata, next) => {
        log.push(`${name} sends metadata`)
        next(metadata)
      },
      sendMessage: (message, next) => {
        log.push(`${name} sends a message`)
        next(message)
      },
      sendStatus: (last, next) => {
        log.push(`${name} sends the status`)
        next(last)
      },
    })

test('this process has the version that is asked for', async (t) => {
  const at = await door(t, () => [])
  await quote(clientOf(t, at))
  const agent = String(at.service.ledger.executions[0]?.metadata.get('user-agent'))
  assert.match(agent, new RegExp(`grpc-node-js/${process.env.EXPECTED_GRPC_JS ?? '[\\d.]+'}$`))
})

test('the interceptors of the credentials are nearer to the transport than the server’s own', async (t) => {
  const log: string[] = []
  const at = await door(t, () => [noting('ours', log)], {}, [noting('theirs', log)])
  await quote(clientOf(t, at))
  await until(() => log.at(-1) === 'ours sends the status', { what: 'the status', seen: () => log })
  const of = (what: string) => log.filter((line) => line === `ours ${what}` || line === `theirs ${what}`)
  for (const inbound of ['metadata', 'message', 'half-close'])
    assert.deepEqual(of(inbound), [`ours ${inbound}`, `theirs ${inbound}`])
  for (const outbound of ['sends metadata', 'sends a message', 'sends the status'])
    assert.deepEqual(of(outbound), [`theirs ${outbound}`, `ours ${outbound}`])
})

test('every connection has interceptors of its own, whoever else is connected', async (t) => {
  const of = new Map<number | undefined, number>()
  let made = 0
  const seen: number[] = []
  const at = await door(t, (socket) => {
    const id = ++made
    of.set(socket.remotePort, id)
    return [
      (_, call) => {
        seen.push(id)
        return new ServerInterceptingCall(call)
      },
    ]
  })
  const [one, two] = [clientOf(t, at), clientOf(t, at)]
  await quote(one)
  await quote(two)
  await quote(one)
  await Promise.all([quote(two), quote(one)])
  assert.deepEqual(seen.slice(0, 3), [1, 2, 1])
  assert.deepEqual(seen.slice(3).sort(), [1, 2])
  const peers = at.service.ledger.executions.map(({ peer }) => of.get(Number(peer.split(':').at(-1))))
  assert.deepEqual([...peers].sort(), [...seen].sort(), 'the handler sees the address of the connection')
})

test('an interceptor may refuse before the handler, with metadata, as trailers alone', async (t) => {
  const metadata = new Metadata()
  metadata.set('x-tulle-refused', 'identity')
  const refusal = { code: status.UNAUTHENTICATED, details: 'who are you?', metadata }
  const at = await door(t, () => [
    (_, call) =>
      new ServerInterceptingCall(call, {
        start: (next) => next({ onReceiveMetadata: () => call.sendStatus(refusal) }),
      }),
  ])
  for (const method of ['quote', 'upload', 'watch', 'chat'] as const) {
    const seen = await observe(clientOf(t, at), method)
    assert.deepEqual(
      [seen.status?.code, seen.status?.details, seen.status?.metadata['x-tulle-refused']],
      [status.UNAUTHENTICATED, 'who are you?', ['identity']],
    )
    assert.equal(seen.events.includes('metadata'), false)
  }
  assert.equal(at.service.ledger.executions.length, 0)
})

test('an interceptor may keep the metadata back, and what follows waits for it', async (t) => {
  let release = (): void => {}
  const at = await door(t, () => [
    (_, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              release = () => pass(metadata)
            },
          }),
      }),
  ])
  const done = quote(clientOf(t, at), { id: 'late' })
  await until(() => at.sockets.length === 1, { what: 'the connection' })
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.equal(at.service.ledger.executions.length, 0)
  release()
  await done
  assert.equal(at.service.ledger.times('late'), 1)
})

test('the handler runs where the listener’s callbacks run: within what surrounds them', async (t) => {
  const { AsyncLocalStorage } = await import('node:async_hooks')
  const store = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const around =
    (value: string): ServerInterceptor =>
    (_, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => store.run(value, () => pass(metadata)),
            onReceiveMessage: (message, pass) => store.run(value, () => pass(message)),
            onReceiveHalfClose: (pass) => store.run(value, () => pass()),
          }),
      })
  let nth = 0
  const at = await door(
    t,
    () => [around(`connection ${++nth}`)],
    () => {
      seen.push(store.getStore())
      return {}
    },
  )
  const asks = [{}, {}]
  for (const method of ['quote', 'upload', 'watch', 'chat'] as const)
    await observe(clientOf(t, at), method, { asks })
  assert.deepEqual(seen, ['connection 1', 'connection 2', 'connection 3', 'connection 4'])
})

test('onCancel is told when the caller goes away, and when the connection dies', async (t) => {
  let gone = 0
  const at = await door(
    t,
    () => [
      (_, call) =>
        new ServerInterceptingCall(call, {
          start: (next) => next({ onCancel: () => gone++ }),
        }),
    ],
    { never: true },
  )
  const cancelled = observe(clientOf(t, at), 'watch', {
    onCall: (call) =>
      void until(() => at.service.ledger.executions.length === 1, { what: 'it' }).then(() => call.cancel()),
  })
  assert.equal((await cancelled).status?.code, status.CANCELLED)
  await until(() => gone === 1, { what: 'the first cancel' })
  const cut = observe(clientOf(t, at), 'quote')
  await until(() => at.service.ledger.executions.length === 2, { what: 'the second call' })
  at.sockets[1]?.destroy()
  assert.equal((await cut).status?.code, status.UNAVAILABLE)
  await until(() => gone === 2, { what: 'the second cancel' })
})

test('getDeadline is what the caller sent, and getPeer the address of the connection', async (t) => {
  let deadline: unknown
  let peer = ''
  const at = await door(t, () => [
    (_, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              deadline = call.getDeadline()
              peer = call.getPeer()
              pass(metadata)
            },
          }),
      }),
  ])
  const client = clientOf(t, at)
  const asked = Date.now() + 5000
  await quote(client, {}, new Metadata(), { deadline: asked })
  assert.ok(Math.abs(Number(deadline) - asked) < 1000, String(deadline))
  assert.match(peer, /^127\.0\.0\.1:\d+$/)
  await quote(client)
  assert.equal(deadline, Infinity)
})

test('drain sends GOAWAY, lets running calls end and closes the connection', async (t) => {
  const at = await door(t, () => [], { delayMs: 100 })
  const session = connectHttp2(`http://${at.address}`)
  t.after(() => session.destroy())
  session.on('error', () => {})
  const goaway = new Promise<[number, number]>((resolve) =>
    session.once('goaway', (code, last) => resolve([code, last])),
  )
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${PRICING}/Quote`,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const trailers = new Promise<Record<string, unknown>>((resolve) => stream.once('trailers', resolve))
  stream.resume()
  stream.end(frame(Buffer.alloc(0)))
  await until(() => at.service.ledger.executions.length === 1, { what: 'the execution' })
  at.injectors[0]?.drain(10_000)
  const [code] = await within(goaway, 5000, 'the GOAWAY')
  assert.equal(code, constants.NGHTTP2_NO_ERROR)
  assert.equal((await within(trailers, 5000, 'the trailers'))['grpc-status'], '0')
  await until(() => at.sockets[0]?.destroyed, { what: 'the end of the connection' })
})

test('calls after a drain go over a new connection, and none is lost', async (t) => {
  const at = await door(t, () => [])
  const client = clientOf(t, at)
  for (let round = 1; round <= 5; round++) {
    await quote(client)
    assert.equal(at.injectors.length, round)
    at.injectors.at(-1)?.drain(1000)
    await until(() => at.sockets.at(-1)?.destroyed, { what: 'the end of the connection' })
  }
})

test('drain cuts what outlives its grace', async (t) => {
  const at = await door(t, () => [], { never: true })
  const run = observe(clientOf(t, at), 'quote')
  await until(() => at.service.ledger.executions.length === 1, { what: 'the execution' })
  at.injectors[0]?.drain(50)
  assert.notEqual((await within(run, 5000, 'the cut')).status?.code, status.OK)
})

test('destroy of an injector whose connection has gone leaves nothing on the server', async (t) => {
  const at = await door(t, () => [])
  for (let round = 0; round < 3; round++) {
    const client = clientOf(t, at)
    await quote(client)
    client.close()
    await until(() => at.sockets.at(-1)?.destroyed, { what: 'the end of the connection' })
    at.injectors.at(-1)?.destroy()
  }
  // Nothing is left that it would wait for.
  await within(
    new Promise<void>((resolve, reject) =>
      at.grpc.tryShutdown((error) => (error === undefined ? resolve() : reject(error))),
    ),
    5000,
    'the end of the server',
  )
})

test('a server that is bound to nothing answers injected connections, and needs no start', async (t) => {
  const at = await door(t, () => [])
  assert.equal((await quote(clientOf(t, at))).servedBy, 'pricing')
})

test('SECURITY 7: an unknown service, an unknown method and a path without a slash reach no handler', async (t) => {
  const paths: string[] = []
  const at = await door(t, () => [
    (method, call) => {
      paths.push(method.path)
      return new ServerInterceptingCall(call)
    },
  ])
  const session = connectHttp2(`http://${at.address}`)
  t.after(() => session.destroy())
  const ask = (path: string) =>
    new Promise<string>((resolve) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('response', (headers) => resolve(String(headers['grpc-status'])))
      stream.on('error', () => resolve('reset'))
      stream.on('close', () => resolve('closed'))
      stream.end(frame(Buffer.alloc(0)))
    })
  assert.equal(await ask('/nobody.v1.Nothing/Quote'), String(status.UNIMPLEMENTED))
  assert.equal(await ask(`/${PRICING}/Nothing`), String(status.UNIMPLEMENTED))
  assert.notEqual(await ask(`${PRICING}/Quote`), '0')
  assert.notEqual(await ask(`/${PRICING}/Quote/`), '0')
  assert.notEqual(await ask(`//${PRICING}/Quote`), '0')
  assert.equal(at.service.ledger.executions.length, 0)
  assert.ok(!paths.includes(`/${PRICING}/Quote`), paths.join())
})
