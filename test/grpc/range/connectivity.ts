import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Channel, type ChannelInterface, connectivityState, credentials } from '@grpc/grpc-js'
import { waitForChannelReady } from 'nice-grpc'
import { channel, client } from '../../../src/grpc/index.ts'
import { closing, quote } from '../../kit/grpc/observe.ts'
import { Pricing, type PricingClient } from '../../kit/grpc/pricing.ts'
import { pricingServer } from '../../kit/grpc/pricing-server.ts'
import { meshOver } from '../../kit/grpc/twin-clients.ts'
import { delay, until, within } from '../../kit/wait.ts'

/** Run by `versions.test.ts` with each end of the supported range: what a channel says of itself, beside plain grpc-js. */

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState
const name = (state: connectivityState): string => connectivityState[state] as string

async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Side {
  readonly kind: string
  readonly channel: ChannelInterface
  readonly client: PricingClient
}

/** The same client over the mesh and without it, to the same address. */
async function sides(t: TestContext, address: string): Promise<readonly [Side, Side]> {
  const plain = new Pricing(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const meshed = client(await meshOver(t, address), Pricing, 'pricing')
  return [
    { kind: 'plain', channel: plain.getChannel(), client: closing(t, plain) },
    { kind: 'mesh', channel: meshed.getChannel(), client: closing(t, meshed) },
  ]
}

/** Every state a watch sees from now on, the one it begins with first. */
function follow({ channel }: Side, tryToConnect: boolean): string[] {
  const seen: string[] = []
  const look = (error?: Error): void => {
    if (error !== undefined) return
    const state = channel.getConnectivityState(tryToConnect && seen.length < 1)
    if (seen.at(-1) !== name(state)) seen.push(name(state))
    if (state !== SHUTDOWN) channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look)
  }
  look()
  return seen
}

const waitForReady = (one: PricingClient, ms: number): Promise<Error | undefined> =>
  new Promise((resolve) => one.waitForReady(Date.now() + ms, resolve))

const both = <T>(two: readonly [Side, Side], fn: (side: Side) => T): [T, T] => [fn(two[0]), fn(two[1])]

test('nobody asks, and both are idle; nothing is connected', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const two = await sides(t, `127.0.0.1:${(server.address() as { port: number }).port}`)
  const states = both(two, (side) => follow(side, false))
  await delay(50)
  assert.deepEqual([states, connections], [[['IDLE'], ['IDLE']], 0])
  both(two, ({ channel }) => channel.getConnectivityState(true))
  await until(() => connections >= 2, { what: 'a connection of each' })
})

test('a live server: IDLE, CONNECTING, READY, and the call that follows uses that connection', async (t) => {
  const server = await pricingServer(t)
  const two = await sides(t, server.address)
  const states = both(two, (side) => follow(side, true))
  await until(() => states.every((seen) => seen.at(-1) === 'READY'), { what: 'READY', seen: () => states })
  assert.deepEqual(states, new Array(2).fill(['IDLE', 'CONNECTING', 'READY']))
  for (const { client } of two) {
    assert.equal(await waitForReady(client, 100), undefined)
    await quote(client, { id: 'x' })
  }
})

test('a dead port: TRANSIENT_FAILURE, and waitForReady fails at its deadline and not before', async (t) => {
  const two = await sides(t, `127.0.0.1:${await deadPort()}`)
  const states = both(two, (side) => follow(side, false))
  for (const { client, kind } of two) {
    const began = performance.now()
    const error = await waitForReady(client, 300)
    assert.match(String(error), /Failed to connect before the deadline/, kind)
    assert.ok(performance.now() - began > 290)
  }
  assert.deepEqual(states, new Array(2).fill(['IDLE', 'CONNECTING', 'TRANSIENT_FAILURE']))
  for (const { channel } of two) {
    const error = await new Promise<Error | undefined>((resolve) =>
      channel.watchConnectivityState(TRANSIENT_FAILURE, Date.now() + 50, resolve),
    )
    assert.equal(error?.message, 'Deadline passed without connectivity state change')
  }
})

test('a peer that accepts and says nothing is taken for what this version of grpc-js takes it for', async (t) => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // grpc-js alone would wait 20 s for it, closed or not.
  t.after(() => server.close() && sockets.forEach((socket) => void socket.destroy()))
  const [plain, mesh] = await sides(t, `127.0.0.1:${(server.address() as { port: number }).port}`)
  const states = follow(mesh, true)
  // The oldest is content with a connection; the newest waits for a first word of HTTP/2.
  const ready = (await waitForReady(plain.client, 300)) === undefined
  await until(() => states.length === 3, { what: 'the end of the time to connect' })
  assert.deepEqual(states, ['IDLE', 'CONNECTING', ready ? 'READY' : 'TRANSIENT_FAILURE'])
})

test('a port that opens after 300 ms: failure first, then READY, by itself', async (t) => {
  const port = await deadPort()
  const two = await sides(t, `127.0.0.1:${port}`)
  const states = both(two, (side) => follow(side, false))
  const ready = both(two, ({ client }) => waitForReady(client, 10_000))
  await delay(300)
  await pricingServer(t, {}, { port })
  assert.deepEqual(await Promise.all(ready), [undefined, undefined])
  assert.deepEqual(states, new Array(2).fill(['IDLE', 'CONNECTING', 'TRANSIENT_FAILURE', 'READY']))
})

test('who asked once is told when the port opens, though nobody has asked again', async (t) => {
  const port = await deadPort()
  const two = await sides(t, `127.0.0.1:${port}`)
  both(two, ({ channel }) => channel.getConnectivityState(true))
  await until(() => two.every(({ channel }) => channel.getConnectivityState(false) === TRANSIENT_FAILURE), {
    what: 'the failure',
  })
  await pricingServer(t, {}, { port })
  await until(() => two.every(({ channel }) => channel.getConnectivityState(false) === READY), {
    what: 'READY',
  })
})

test('a server that stops: IDLE until somebody asks; then what is found', async (t) => {
  const server = await pricingServer(t)
  const two = await sides(t, server.address)
  const states = both(two, (side) => follow(side, true))
  await until(() => states.every((seen) => seen.at(-1) === 'READY'), { what: 'READY' })
  server.close()
  await until(() => states.every((seen) => seen.at(-1) === 'IDLE'), { what: 'IDLE', seen: () => states })
  await delay(50)
  assert.deepEqual(states, new Array(2).fill(['IDLE', 'CONNECTING', 'READY', 'IDLE']))
  for (const { client } of two) assert.match(String(await waitForReady(client, 200)), /before the deadline/)
  assert.deepEqual(
    states,
    new Array(2).fill(['IDLE', 'CONNECTING', 'READY', 'IDLE', 'CONNECTING', 'TRANSIENT_FAILURE']),
  )
  await pricingServer(t, {}, { port: server.port })
  assert.deepEqual(await Promise.all(both(two, ({ client }) => waitForReady(client, 10_000))), [
    undefined,
    undefined,
  ])
})

test('a server that stops gently (GOAWAY)', async (t) => {
  const server = await pricingServer(t)
  const two = await sides(t, server.address)
  const states = both(two, (side) => follow(side, true))
  await until(() => states.every((seen) => seen.at(-1) === 'READY'), { what: 'READY' })
  await within(server.drain(), 2000, 'the drain')
  await until(() => states.every((seen) => seen.at(-1) === 'IDLE'), { what: 'IDLE', seen: () => states })
})

test('a call connects, and watches without a wish of their own see it', async (t) => {
  const server = await pricingServer(t)
  const two = await sides(t, server.address)
  const states = both(two, (side) => follow(side, false))
  for (const { client } of two) await quote(client, { id: 'x' })
  await until(() => states.every((seen) => seen.at(-1) === 'READY'), { what: 'READY', seen: () => states })
  assert.deepEqual(states, new Array(2).fill(['IDLE', 'CONNECTING', 'READY']))
})

test('a closed channel is SHUTDOWN for who watches, and can be watched no more', async (t) => {
  const two = await sides(t, `127.0.0.1:${await deadPort()}`)
  const states = both(two, (side) => follow(side, true))
  await until(() => states.every((seen) => seen.at(-1) === 'TRANSIENT_FAILURE'), { what: 'the failure' })
  for (const { client, channel } of two) {
    client.close()
    assert.throws(() => channel.watchConnectivityState(SHUTDOWN, Date.now() + 10, () => {}), /shut down/)
  }
  await until(() => states.every((seen) => seen.at(-1) === 'SHUTDOWN'), { what: 'SHUTDOWN' })
})

test('who waits for ready when the channel is closed is told so', async (t) => {
  // Plain grpc-js is brought back to life by being asked to connect, and lets those wait until their deadline.
  const [, { client, channel }] = await sides(t, `127.0.0.1:${await deadPort()}`)
  const waiting = waitForReady(client, 10_000)
  await until(() => channel.getConnectivityState(false) === TRANSIENT_FAILURE, { what: 'the failure' })
  client.close()
  assert.match(String(await within(waiting, 1000, 'the end')), /The channel has been closed/)
  assert.equal(channel.getConnectivityState(true), SHUTDOWN)
  assert.equal(channel.getConnectivityState(false), SHUTDOWN)
})

test('nice-grpc waits for a channel of the mesh', async (t) => {
  const server = await pricingServer(t)
  const live = channel(await meshOver(t, server.address), 'pricing')
  const plain = new Channel(server.address, credentials.createInsecure(), {})
  for (const one of [plain, live]) {
    await waitForChannelReady(one, new Date(Date.now() + 2000))
    assert.equal(one.getConnectivityState(false), READY)
    one.close()
  }
  const dead = channel(await meshOver(t, `127.0.0.1:${await deadPort()}`), 'pricing')
  await assert.rejects(waitForChannelReady(dead, new Date(Date.now() + 200)), /Deadline passed/)
  assert.notEqual(dead.getConnectivityState(false), IDLE)
  assert.notEqual(dead.getConnectivityState(false), CONNECTING)
  dead.close()
})

/** Passes connections to any address of 127/8 on, and counts them. */
async function everywhere(t: TestContext, to: number): Promise<{ port: number; count(): number }> {
  let count = 0
  const server = createServer((socket) => {
    count++
    const onward = connect(to, '127.0.0.1')
    for (const one of [socket, onward]) {
      one.on('error', () => {})
      one.once('close', () => [socket, onward].forEach((other) => void other.destroy()))
    }
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  t.after(() => server.close())
  return { port: (server.address() as { port: number }).port, count: () => count }
}

const THOUSAND = Array.from({ length: 1000 }, (_, n) => `127.1.${n >> 7}.${(n & 127) + 1}`)

test('a thousand endpoints: one connection makes the channel ready', async (t) => {
  const server = await pricingServer(t)
  const proxy = await everywhere(t, server.port)
  const mesh = await meshOver(t, ...THOUSAND.map((address) => `${address}:${proxy.port}`))
  const one = closing(t, client(mesh, Pricing, 'pricing'))
  const waits = Array.from({ length: 10 }, () => waitForReady(one, 5000))
  assert.deepEqual(await Promise.all(waits), new Array(10).fill(undefined))
  await delay(50)
  assert.equal(proxy.count(), 1)
  await quote(one, { id: 'x' })
})

test('a thousand endpoints of which one lives: it is found', async (t) => {
  const server = await pricingServer(t)
  const proxy = await everywhere(t, server.port)
  const dead = await deadPort()
  const addresses = THOUSAND.map((address, n) => `${address}:${n === 617 ? proxy.port : dead}`)
  const one = closing(t, client(await meshOver(t, ...addresses), Pricing, 'pricing'))
  assert.equal(await waitForReady(one, 20_000), undefined)
  assert.equal(proxy.count(), 1)
})
