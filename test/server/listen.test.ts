import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { Identity } from '../../src/core/identity.ts'
import type { Arrival, Guest, Listening, ListenOptions, Runtime } from '../../src/core/runtime.ts'
import { createListen } from '../../src/server/listen.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { TestCa } from '../kit/certificates.ts'
import { type InboundHarness, inboundHarness } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { clientOf, servingIdentity, silentSocket } from '../kit/tls-inbound.ts'
import { delay, until, within } from '../kit/wait.ts'

/** A guest that says hello to whoever arrives. */
class Host implements Guest {
  readonly arrivals: Arrival[] = []
  readonly said: string[] = []
  rested: () => void = () => {}
  /** It has nothing in flight. */
  idle = false

  arrived(arrival: Arrival): void {
    this.arrivals.push(arrival)
    const socket = arrival.socket as Duplex
    socket.on('data', (chunk) => socket.write(`heard ${chunk}`))
  }

  announce(): void {
    this.said.push('announce')
  }

  rest(): Promise<void> {
    this.said.push('rest')
    return new Promise((resolve) => {
      this.rested = resolve
      if (this.idle) resolve()
    })
  }

  destroy(): void {
    this.said.push('destroy')
  }
}

interface Scene {
  readonly host: Host
  readonly listening: Listening
  readonly harness: InboundHarness
  readonly reasons: () => string[]
}

async function scene(
  t: Cleanup,
  options: Partial<ListenOptions> = {},
  more: Partial<Runtime> & { identity?: Identity | undefined; clock?: ManualClock } = {},
): Promise<Scene> {
  const harness = inboundHarness(more.clock === undefined ? {} : { clock: more.clock })
  const reasons: string[] = []
  const runtime: Runtime = {
    ...harness.runtime,
    wall: Date.now,
    log: {
      ...harness.runtime.log,
      warn: (_message, fields) => reasons.push((fields as { reason: string }).reason),
    },
    ...more,
  }
  const host = new Host()
  const listening = await createListen(runtime)(
    { protocol: 'grpc', alpn: ['h2'], signals: false, host: '127.0.0.1', ...options },
    host,
  )
  t.after(() => {
    host.idle = true
    host.rested()
    return listening.close({ graceMs: 0 })
  })
  return { host, listening, harness, reasons: () => reasons }
}

/** Sends a word and gives back what is said to it; empty where the connection is closed instead. */
function word(socket: Socket, text: string): Promise<string> {
  const heard = new Promise<string>((resolve) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => resolve(chunk.toString()))
    socket.once('close', () => resolve(''))
  })
  socket.write(text)
  return within(heard, 3000, 'an answer')
}

test('options that mean nothing are refused by name, before anything listens', async (t) => {
  const cases: [object, RegExp][] = [
    [{ paths: 'none' }, /paths is not an option; there are port, host, signals, graceMs, mtls, limits/],
    [{ port: 70_000 }, /option port: expected a whole number/],
    [
      { limits: { maxHeaders: 3 } },
      /limits: maxHeaders is not an option; there are handshakeTimeoutMs, maxConnections/,
    ],
    [{ limits: { maxConnections: -1 } }, /limits: option maxConnections: expected a number/],
    [{ mtls: 'strict' }, /needs an identity/],
  ]
  for (const [options, message] of cases)
    await assert.rejects(scene(t, options), { code: 'TULLE_CONFIG', message })
})

test('plaintext among friends: what was said first reaches the guest whole', async (t) => {
  const { host, listening, harness } = await scene(t)
  const socket = connect(listening.port, '127.0.0.1')
  t.after(() => socket.destroy())
  assert.equal(await word(socket, 'hello'), 'heard hello')
  assert.equal(await word(socket, 'again'), 'heard again')
  const [arrival] = host.arrivals
  assert.deepEqual([arrival?.open, arrival?.caller()], [false, { address: '127.0.0.1' }])
  const [server] = [...harness.servers]
  assert.deepEqual(server?.listener, {
    host: '127.0.0.1',
    port: listening.port,
    protocol: 'grpc',
    mtls: 'disable',
  })
  assert.equal(listening.address().port, listening.port)
})

test('a connection that says nothing is closed, and so is one too many', async (t) => {
  const { host, listening } = await scene(t, {
    limits: { handshakeTimeoutMs: 200, maxConnections: undefined, maxConnectionsPerPeer: 2 },
  })
  const silent = silentSocket(listening.port)
  await within(new Promise((resolve) => silent.resume().once('close', resolve)), 3000, 'its end')
  assert.equal(host.arrivals.length, 0)
  const sockets = [1, 2].map(() => connect(listening.port, '127.0.0.1'))
  t.after(() => sockets.map((socket) => socket.destroy()))
  for (const socket of sockets) assert.equal(await word(socket, 'x'), 'heard x')
  assert.equal(await word(connect(listening.port, '127.0.0.1'), 'x'), '')
})

test('strict: a verified peer that agrees on the protocol comes in; others do not, and the log says why', async (t) => {
  const ca = TestCa.create()
  const { host, listening, reasons } = await scene(t, { mtls: 'strict' }, { identity: servingIdentity(ca) })
  const h2 = { ...clientOf(ca, ca.issue({ service: 'orders' })), port: listening.port, ALPNProtocols: ['h2'] }
  const good = connectTls(h2)
  t.after(() => good.destroy())
  assert.equal(await word(good, 'hi'), 'heard hi')
  const caller = host.arrivals[0]?.caller() as { service?: string }
  assert.equal(caller.service, 'orders')
  const { ALPNProtocols: _, ...without } = h2
  assert.equal(await word(connectTls(without), 'hi'), '')
  assert.equal(await word(connectTls({ ...h2, ...clientOf(TestCa.create(), undefined) }), 'hi'), '')
  assert.equal(await word(connect(listening.port, '127.0.0.1'), 'hi'), '')
  assert.equal(host.arrivals.length, 1)
  await until(() => reasons().length >= 2, { what: 'the reasons' })
  assert.match(reasons().join(), /none of the protocols/)
  assert.match(reasons().join(), /plaintext/)
})

test('a public door believes nobody', async (t) => {
  const ca = TestCa.create()
  const { host, listening } = await scene(t, { mtls: 'disable' }, { identity: servingIdentity(ca) })
  const socket = connect(listening.port, '127.0.0.1')
  t.after(() => socket.destroy())
  await word(socket, 'x')
  // `public`: whom it believes nobody to be is not judged either.
  assert.deepEqual(
    [host.arrivals[0]?.open, host.arrivals[0]?.caller()],
    [true, { address: '127.0.0.1', public: true }],
  )
})

test('a connection is told once that it is old: at its age, or sooner where a renewal says so', async (t) => {
  const clock = new ManualClock()
  const ca = TestCa.create()
  const identity = servingIdentity(ca)
  const { host, listening } = await scene(t, { mtls: 'strict' }, { identity, clock })
  const arrive = async (): Promise<{ told: () => number; socket: Socket }> => {
    const h2 = { ...clientOf(ca, ca.issue({ service: 'orders' })), ALPNProtocols: ['h2'] }
    const socket = connectTls({ ...h2, port: listening.port })
    t.after(() => socket.destroy())
    await word(socket, 'x')
    let told = 0
    host.arrivals.at(-1)!.onOld(() => told++)
    return { told: () => told, socket }
  }
  const first = await arrive()
  clock.advance(3_600_000 * 0.89)
  assert.equal(first.told(), 0)
  clock.advance(3_600_000 * 0.22)
  assert.equal(first.told(), 1)
  const second = await arrive()
  identity.take(ca)
  identity.tell('renewed')
  assert.equal(second.told(), 0)
  clock.advance(600_000)
  assert.deepEqual([first.told(), second.told()], [1, 1])
  const third = await arrive()
  third.socket.destroy()
  await delay(50)
  clock.advance(3_600_000 * 2)
  assert.equal(third.told(), 0, 'what is closed is not told')
})

test('a drain announces, stops accepting, waits for the guest, and cuts what is left', async (t) => {
  const { host, listening, harness } = await scene(t)
  const [server] = [...harness.servers]
  server!.announce()
  server!.announce()
  assert.deepEqual(host.said, ['announce'])
  const socket = connect(listening.port, '127.0.0.1')
  assert.equal(await word(socket, 'x'), 'heard x')
  let closed = false
  const closing = listening.close().then(() => {
    closed = true
  })
  await until(() => host.said.includes('rest'), { what: 'the guest to be asked for rest' })
  assert.equal(await word(connect(listening.port, '127.0.0.1'), 'x'), '')
  assert.equal(await word(socket, 'still'), 'heard still')
  assert.equal(closed, false)
  host.rested()
  await within(closing, 3000, 'the close')
  assert.deepEqual(host.said, ['announce', 'rest', 'destroy'])
  await until(() => socket.destroyed, { what: 'the cut' })
  assert.equal(harness.servers.size, 0)
  assert.equal(listening.close(), listening.close())
})

test('a guest that never rests is cut when the grace is over', async (t) => {
  const { listening, host } = await scene(t)
  await within(listening.close({ graceMs: 30 }), 2000, 'the close')
  assert.deepEqual(host.said, ['announce', 'rest', 'destroy'])
})

test("a mesh that shuts down meanwhile is a closed one, and a taken port is the system's error", async (t) => {
  await assert.rejects(scene(t, {}, { state: 'draining' }), { code: 'TULLE_CLOSED' })
  const { listening } = await scene(t)
  await assert.rejects(scene(t, { port: listening.port }), { code: 'EADDRINUSE' })
})
