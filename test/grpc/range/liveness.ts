import assert from 'node:assert/strict'
import { channel as diagnostics } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { credentials, Metadata } from '@grpc/grpc-js'
import { transportOptions } from '../../../src/grpc/transport-options.ts'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { TestCa } from '../../kit/certificates.ts'
import { startFaultProxy } from '../../kit/fault-proxy.ts'
import { closeAll, kept, leafTo, ok, plannedBy } from '../../kit/grpc/leaf-bench.ts'
import { GRPC_HEADERS, Sent, serveH2 } from '../../kit/grpc-bench.ts'
import { serveTcp } from '../../kit/http-harness.ts'
import { TestIdentity } from '../../kit/test-identity.ts'
import { delay, until } from '../../kit/wait.ts'

const ca = TestCa.create()
afterEach(closeAll)
const h2 = async (...args: Parameters<typeof serveH2>) => kept(await serveH2(...args))
const tcp = async (onSocket: (socket: Socket) => void) => {
  const { address, ...more } = kept(await serveTcp(onSocket))
  return { ...more, port: Number(address.split(':')[1]) }
}
const PINGS = { 'grpc.keepalive_time_ms': 60, 'grpc.keepalive_timeout_ms': 60 }
const PEER_TOO = [undefined, () => new TestIdentity({ ca })] as const

describe('a connection that cannot be made', () => {
  for (const identity of PEER_TOO)
    test(`FAULTS 4: is refused: unsent, at once${identity ? ', over TLS' : ''}`, async () => {
      const sent = new Sent(leafTo(1, identity && { identity: identity() }))
      const { error, condition, unsent } = await sent.ended(1000)
      assert.deepEqual([error?.code, condition, unsent], ['TULLE_CONNECT', 'connect-failure', true])
      assert.match(error?.message ?? '', /could not be reached: .*ECONNREFUSED/)
    })

  for (const [identity, ms] of [
    [undefined, 1000],
    [PEER_TOO[1], 5000],
  ] as const)
    test(`FAULTS 7, 8: accepts, and says nothing, or a byte at a time: given up after ${ms} ms exactly`, async () => {
      for (const slowly of [false, true]) {
        // Up to some 1.12 grpc-js takes a plaintext connection for made when TCP has it: the call is out, and its time bounds it.
        const oldest = process.env.EXPECTED_GRPC_JS?.startsWith('1.12.') === true
        if (identity === undefined && oldest) return
        const sockets: Socket[] = []
        // The first nine bytes of a SETTINGS frame that has six more, or of a TLS record that never ends.
        const drip = identity === undefined ? [0, 0, 6, 4, 0, 0, 0, 0, 0] : [22, 3, 3, 64, 0, 2, 0, 60, 0]
        const server = await tcp((socket) => {
          sockets.push(socket)
          socket.resume()
          if (!slowly) return
          const next = (): void => {
            const byte = drip.shift()
            if (byte === undefined || socket.destroyed) return
            socket.write(Buffer.from([byte]), () => setTimeout(next, 5))
          }
          next()
        })
        const clock = new ManualClock()
        const leaf = leafTo(server.port, { clock, wall: Date.now, ...(identity && { identity: identity() }) })
        const sent = new Sent(leaf)
        await until(() => sockets.length === 1, { what: 'the connection' })
        if (slowly) await until(() => drip.length === 0, { what: 'nine bytes' })
        clock.advance(ms - 1)
        await delay(5)
        assert.ok(!sent.events.includes('end'))
        clock.advance(1)
        assert.deepEqual(
          [sent.outcome?.error?.code, sent.outcome?.condition, sent.outcome?.unsent],
          ['TULLE_CONNECT_TIMEOUT', 'connect-failure', true],
        )
        // Node 20 tells nobody of the socket of `tls.connect`, which 1.12 leaves to HTTP/2: that one ends with its peer.
        if (!oldest || !process.version.startsWith('v20.'))
          await until(() => sockets[0]?.closed, { what: 'the end of the connection' })
        leaf.destroy()
        assert.equal(clock.armed, 0)
      }
    })
})

describe('a connection that dies without a word', () => {
  test('FAULTS 6: is noticed by a ping that is not answered: what runs ends with a clear error, what follows gets another', async () => {
    const server = await h2((stream, headers) => {
      if (headers[':path'] === '/test.Echo/Watch') stream.respond(GRPC_HEADERS)
      else ok(stream)
    })
    const proxy = kept(await startFaultProxy(`127.0.0.1:${server.port}`))
    const leaf = leafTo(proxy.port)
    const options = { channelOptions: PINGS }
    assert.equal((await new Sent(leaf, options).ended()).class, 'success')
    const watch = new Sent(leaf, { ...options, method: '/test.Echo/Watch', closes: false })
    await until(() => watch.wire.heard.length === 1, { what: 'the head' })
    // Long enough for pings to be answered.
    await delay(150)
    assert.ok(!watch.events.includes('end'))
    proxy.freeze()
    const running = new Sent(leaf, options)
    for (const [sent, committed] of [
      [watch, true],
      [running, false],
    ] as const) {
      const { error, condition, unsent, ...more } = await sent.ended(2000)
      assert.deepEqual(
        [error?.code, condition, unsent, more.committed],
        ['TULLE_RESET', 'reset', false, committed],
      )
      assert.match(error?.message ?? '', /the connection to .* broke/)
    }
    assert.equal((await new Sent(leaf, options).ended()).class, 'success')
    assert.equal(proxy.counters.accepted, 2)
  })

  test('FAULTS 6: is left by the calls that follow when one has run into its time and nothing was heard for a second', async () => {
    const time = new ManualClock()
    const server = await h2((stream, headers) => {
      if (headers[':path'] !== '/test.Echo/Never') ok(stream)
    })
    const proxy = kept(await startFaultProxy(`127.0.0.1:${server.port}`))
    const leaf = leafTo(proxy.port, plannedBy(time))
    const call = (method = '/test.Echo/Unary'): Sent =>
      new Sent(leaf, { method, attempt: { startedMs: time.now() } })
    const late = (sent: Sent, kind: 'deadline' | 'try-timeout' = 'deadline'): void =>
      sent.cancel({ kind, error: new Error('late') })
    assert.equal((await call().ended()).class, 'success')

    // Others are answered meanwhile: it lives.
    const slow = call('/test.Echo/Never')
    time.advance(5000)
    assert.equal((await call().ended()).class, 'success')
    late(slow)
    // Not long enough to say.
    const short = call('/test.Echo/Never')
    time.advance(999)
    late(short)
    assert.equal((await call().ended()).class, 'success')
    // A caller that leaves says nothing of it.
    const left = call('/test.Echo/Never')
    time.advance(5000)
    left.cancel({ kind: 'caller', error: new Error('left') })
    assert.equal((await call().ended()).class, 'success')
    assert.equal(proxy.counters.accepted, 1)

    for (const kind of ['deadline', 'try-timeout'] as const) {
      proxy.freeze()
      const lost = call()
      time.advance(1000)
      late(lost, kind)
      assert.equal((await call().ended()).class, 'success')
    }
    assert.equal(proxy.counters.accepted, 3)
  })

  test('by default no server of gRPC takes offence at our pings, and the kernel asks every 30 s', async (t) => {
    const { 'grpc.keepalive_time_ms': time, 'grpc.keepalive_timeout_ms': timeout } = transportOptions({})
    // grpc-go, C-core, Java and Dart: not more often than every 5 minutes where no data flows (gRPC A8).
    assert.ok(Number(time) > 300_000, String(time))
    assert.equal(timeout, 10_000)
    assert.equal(transportOptions({ 'grpc.keepalive_time_ms': 5000 })['grpc.keepalive_time_ms'], 5000)
    assert.ok(!('grpc.keepalive_permit_without_calls' in transportOptions({})))
    if (process.platform !== 'linux') return t.skip('how the kernel has armed it is read from /proc')
    const server = await h2(() => {})
    const leaf = leafTo(server.port)
    const sent = new Sent(leaf)
    await until(() => server.streams() === 1, { what: 'the call' })
    const remote = server.port.toString(16).toUpperCase().padStart(4, '0')
    const armed = (): string | undefined =>
      readFileSync('/proc/net/tcp', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .find(([, , peer, state]) => peer?.endsWith(`:${remote}`) && state === '01')?.[5]
    // 02 is the timer of keepalive; what is left of it is told in hundredths of a second.
    const timer = await until(() => /^02:/.exec(armed() ?? '') && armed(), { what: 'its timer', seen: armed })
    const left = Number.parseInt(timer.slice(3), 16) / 100
    assert.ok(left > 25 && left <= 30, `${left} s`)
    sent.cancel({ kind: 'caller', error: new Error('done') })
  })
})

describe('a server that forbids pings', () => {
  test('ENHANCE_YOUR_CALM: calls go on on other connections, what ran is not said to be unsent, and there is no storm', async () => {
    const plain = createServer()
    let strikes = 0
    let sessions = 0
    plain.on('session', (session) => {
      sessions++
      let pings = 0
      session.on('ping', () => {
        if (++pings <= 2) return
        strikes++
        session.goaway(11, 2 ** 31 - 1, Buffer.from('too_many_pings'))
        setImmediate(() => session.destroy())
      })
    })
    const server = await h2((stream, headers) => {
      if (headers[':path'] !== '/test.Echo/Slow') ok(stream)
    }, plain as Http2Server)
    const leaf = leafTo(server.port)
    const options = { channelOptions: PINGS }
    const started = performance.now()
    while (strikes < 3) {
      const slow = new Sent(leaf, { ...options, method: '/test.Echo/Slow' })
      const { error, unsent, condition } = await slow.ended()
      // What grpc-js makes of ENHANCE_YOUR_CALM; the word of the GOAWAY it keeps to itself.
      assert.deepEqual([error, unsent, condition], [undefined, false, 'rate-limited'])
      assert.equal(slow.wire.status?.code, 8)
      assert.match(slow.wire.status.details, /grpc\.keepalive_time_ms/)
      assert.equal((await new Sent(leaf, options).ended()).class, 'success')
    }
    const elapsed = performance.now() - started
    assert.ok(sessions <= 1 + elapsed / (3 * PINGS['grpc.keepalive_time_ms']), `${sessions} in ${elapsed} ms`)
    assert.ok(server.streams() <= 2 * sessions)
  })
})

describe('a connection that is lost in the moment a call begins', () => {
  const moments: Readonly<Record<string, (destroy: () => void) => void>> = {
    'in the same tick': (destroy) => destroy(),
    'in the next tick': (destroy) => process.nextTick(destroy),
    'some microtasks later': (destroy) => {
      let left = 8
      const step = (): void => (left-- > 0 ? queueMicrotask(step) : destroy())
      step()
    },
    'in the next turn of the loop': (destroy) => void setImmediate(destroy),
    'while its credentials are made': (destroy) => void setTimeout(destroy, 5),
  }
  for (const [when, at] of Object.entries(moments))
    test(`${when}: the call ends within the time to connect, and is unsent only where the server has not seen it`, async () => {
      const sockets: Socket[] = []
      const made = ({ socket }: any): void => void sockets.push(socket)
      diagnostics('net.client.socket').subscribe(made)
      let release = (): void => {}
      const slow = credentials.createFromMetadataGenerator((_, done) => {
        release = () => done(null, new Metadata())
      })
      const more = when.startsWith('while') ? { credentials: slow } : {}
      try {
        const seen = new Set<string>()
        const server = await h2((stream, headers) => {
          seen.add(String(headers[':path']))
          ok(stream)
        })
        const leaf = leafTo(server.port)
        for (let round = 0; round < 20; round++) {
          assert.equal((await new Sent(leaf).ended()).class, 'success')
          const socket = sockets.find((each) => each.remotePort === server.port && !each.destroyed)!
          const method = `/test.Echo/Race${round}`
          const sent = new Sent(leaf, { ...more, method })
          // By then the loss is known on this side.
          socket.once('close', () => setTimeout(release, 2))
          at(() => socket.destroy())
          const { error, unsent, class: verdict } = await sent.ended(1000)
          assert.equal(verdict, 'failure')
          assert.match(error?.message ?? '', unsent ? /before the call went out/ : /broke/)
          await delay(2)
          assert.ok(!unsent || !seen.has(method), `${method} was executed`)
          if ('credentials' in more) assert.equal(unsent, true, error?.message)
        }
      } finally {
        diagnostics('net.client.socket').unsubscribe(made)
      }
    })
})

describe('a server that answers a byte at a time', () => {
  test('FAULTS 8: the time of the call ends it at once, and nothing of it stays', async () => {
    const streams: ServerHttp2Stream[] = []
    const server = await h2((stream) => {
      streams.push(stream)
      stream.respond(GRPC_HEADERS)
      const drip = setInterval(() => stream.write(Buffer.from([0])), 2)
      stream.once('close', () => clearInterval(drip))
    })
    const leaf = leafTo(server.port)
    const sent = new Sent(leaf)
    await until(() => sent.wire.heard.length === 1, { what: 'the head' })
    sent.cancel({ kind: 'deadline', error: new Error('late') })
    assert.equal(sent.events.at(-1), 'end')
    assert.equal(sent.outcome?.condition, 'deadline')
    await until(() => streams[0]?.closed, { what: 'the end of the stream over there' })
    await leaf.close()
  })
})
