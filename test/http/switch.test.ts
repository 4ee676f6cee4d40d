import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, test } from 'node:test'
import { WebSocket } from 'undici'
import { WebSocketServer } from 'ws'
import type { MeshError } from '../../src/core/errors.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import { Harness, type HarnessOptions, type Listening, serveHttp, serveTcp } from '../kit/http-harness.ts'
import { until } from '../kit/wait.ts'

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  closing.push(one)
  return one
}
const mesh = (options: HarnessOptions): Harness => kept(new Harness(options))
const tcp = async (onSocket: (socket: Socket) => void): Promise<Listening> => kept(await serveTcp(onSocket))

/** Answers every upgrade and CONNECT with an echo. */
const echo = (): Promise<Listening> =>
  serveHttp(
    (_req, res) => res.writeHead(426).end(),
    (server) => {
      const answer = (line: string) => (_req: unknown, socket: Duplex) => {
        socket.on('error', () => {})
        socket.write(`${line}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`)
        socket.pipe(socket)
      }
      server.on('upgrade', answer('HTTP/1.1 101 Switching Protocols'))
      server.on('connect', answer('HTTP/1.1 200 OK'))
    },
  ).then(kept)

describe('switching protocols', () => {
  test('a WebSocket speaks through the dispatcher; its head is the switch, its end the close', async () => {
    const server = createServer()
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${String(data)}`)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const h = mesh({ endpoints: [`127.0.0.1:${(server.address() as AddressInfo).port}`] })
    const socket = new WebSocket('ws://orders.mesh/chat', { dispatcher: h.dispatcher })
    const said = await new Promise((resolve, reject) => {
      socket.addEventListener('open', () => socket.send('hello'))
      socket.addEventListener('message', (event) => resolve(event.data))
      socket.addEventListener('error', (event) => reject(event.error))
    })
    assert.equal(said, 'echo hello')
    assert.equal(h.last.head?.streaming, true)
    assert.equal(h.last.head.code, 101)
    assert.deepEqual(h.last.events, ['sent', 'head'])
    socket.close()
    await until(() => h.last.end, { what: 'the end of the call' })
    assert.equal(h.last.end?.class, 'success')
    await new Promise<void>((resolve) => sockets.close(() => server.close(() => resolve())))
  })

  test('upgrade and CONNECT hand the socket over', async () => {
    const server = await echo()
    const h = mesh({ endpoints: [server.address] })
    const origin = { origin: 'http://orders.mesh' } as never
    const upgraded = await h.dispatcher.upgrade({ path: '/', protocol: 'echo', ...(origin as object) })
    const connected = await h.dispatcher.connect({ path: 'somewhere:443', ...(origin as object) } as never)
    for (const { socket } of [upgraded, connected]) {
      socket.on('error', () => {})
      socket.write('ping')
      assert.equal(String(await new Promise((resolve) => socket.once('data', resolve))), 'ping')
      socket.destroy()
    }
    await until(() => h.reports.every(({ end }) => end !== undefined), { what: 'both ends' })
    assert.deepEqual(
      h.reports.map(({ head, end }) => [head?.code, head?.streaming, end?.class]),
      [
        [101, true, 'success'],
        [200, true, 'success'],
      ],
    )
  })

  test('anything but 101 switches nothing: the answer is an ordinary one', async () => {
    const server = await tcp((socket) =>
      socket.once('data', () =>
        socket.write(
          'HTTP/1.1 200 OK\r\nconnection: upgrade\r\nupgrade: echo\r\ncontent-length: 2\r\n\r\nokGET /smuggled',
        ),
      ),
    )
    const h = mesh({ endpoints: [server.address] })
    const events: unknown[] = []
    await new Promise<void>((resolve) => {
      h.dispatcher.dispatch(
        { origin: 'http://orders.mesh', path: '/', method: 'GET', upgrade: 'echo' },
        {
          onRequestStart() {},
          onRequestUpgrade: () => events.push('upgrade'),
          onResponseStart: (_controller, status) => events.push(status),
          onResponseData: (_controller, chunk) => events.push(String(chunk)),
          onResponseEnd: () => resolve(),
          onResponseError: (_controller, error) => {
            events.push((error as MeshError).code)
            resolve()
          },
        },
      )
    })
    assert.ok(!events.includes('upgrade'))
    assert.deepEqual(events, [200, 'ok'])
  })

  test('an upgrade nobody asked for is a protocol error', async () => {
    const server = await tcp((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      ),
    )
    const h = mesh({ endpoints: [server.address] })
    await assert.rejects(h.dispatcher.request({ origin: 'http://orders.mesh', path: '/', method: 'GET' }), {
      code: 'TULLE_PROTOCOL',
    })
  })

  test('an open socket on which nothing moves for five minutes is closed, a busy one is not', async () => {
    const server = await echo()
    const clock = new ManualClock()
    const h = mesh({ endpoints: [server.address], clock })
    const { socket } = await h.dispatcher.upgrade({
      path: '/',
      protocol: 'echo',
      origin: 'http://orders.mesh',
    } as never)
    const failed = new Promise<MeshError>((resolve) => socket.once('error', resolve as never))
    clock.advance(200_000)
    socket.write('ping')
    await new Promise((resolve) => socket.once('data', resolve))
    clock.advance(299_000)
    assert.equal(h.ended, false)
    clock.advance(5_000)
    assert.equal((await failed).code, 'TULLE_IDLE_TIMEOUT')
    assert.equal(h.last.end?.error, await failed)
    clock.advance(1000)
    assert.equal(clock.armed, 0)
  })
})

describe('silence in the middle of an answer', () => {
  const slow = (type: string): Promise<Listening> =>
    serveHttp((_req, res) => {
      res.writeHead(200, { 'content-type': type })
      res.write('x')
    }).then(kept)

  for (const [type, covers, limitMs] of [
    ['text/plain', 'head', 60_000],
    ['text/event-stream; charset=utf-8', 'head', 300_000],
    ['text/event-stream', 'call', 300_000],
    ['text/plain', 'call', undefined],
  ] as const) {
    test(`${type}, deadline to the ${covers}: ${limitMs ?? 'no'} ms`, async () => {
      const server = await slow(type)
      const clock = new ManualClock()
      const h = mesh({ endpoints: [server.address], clock, covers })
      const res = await h.dispatcher.request({ origin: 'http://orders.mesh', path: '/', method: 'GET' })
      res.body.on('error', () => {})
      res.body.resume()
      clock.advance((limitMs ?? 1_000_000) - 2000)
      assert.equal(h.ended, false)
      if (limitMs !== undefined) {
        clock.advance(4000)
        assert.equal(h.last.end?.error?.code, 'TULLE_IDLE_TIMEOUT')
        assert.equal(h.last.end.committed, true)
      } else {
        res.body.destroy()
      }
      await until(() => h.last.end, { what: 'the end' })
      clock.advance(2000)
      assert.equal(clock.armed, 0)
    })
  }

  test('a reader that pauses is not a silent peer', async () => {
    const server = await serveHttp((_req, res) => {
      res.write('x')
      setTimeout(() => res.write('y'), 20)
    }).then(kept)
    const clock = new ManualClock()
    const h = mesh({ endpoints: [server.address], clock })
    const seen: string[] = []
    let resume: () => void = () => {}
    h.dispatcher.dispatch(
      { origin: 'http://orders.mesh', path: '/', method: 'GET' },
      {
        onRequestStart: (controller) => {
          resume = () => controller.resume()
        },
        onResponseData: (controller, chunk) => {
          seen.push(String(chunk))
          if (seen.length === 1) controller.pause()
        },
        onResponseError: (_controller, error) => seen.push((error as MeshError).code),
      },
    )
    await until(() => seen.length === 1, { what: 'the first chunk' })
    clock.advance(600_000)
    assert.equal(h.ended, false)
    resume()
    await until(() => seen.length === 2, { what: 'the second chunk' })
    clock.advance(62_000)
    assert.deepEqual(seen, ['x', 'y', 'TULLE_IDLE_TIMEOUT'])
  })
})
