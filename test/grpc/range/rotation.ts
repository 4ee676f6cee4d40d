import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { ServerHttp2Stream } from 'node:http2'
import { afterEach, describe, test } from 'node:test'
import { ManualClock } from '../../../src/testing/manual-clock.ts'
import { TestCa } from '../../kit/certificates.ts'
import { closeAll, leafTo, ok, plannedBy, secureH2 } from '../../kit/grpc/leaf-bench.ts'
import { framed, GRPC_HEADERS, Sent } from '../../kit/grpc-bench.ts'
import { TestIdentity } from '../../kit/test-identity.ts'
import { until, within } from '../../kit/wait.ts'

const ca = TestCa.create()
const MINUTE = 60_000
const DAY = 86_400_000
const issue = { lifetimeMs: 30 * DAY }
afterEach(closeAll)

const serialOf = (identity: TestIdentity): string => new X509Certificate(identity.svid!.der).serialNumber

describe('a renewal of our certificate', () => {
  test('FAULTS 36: a hundred of them under load lose no call, and each is used', async () => {
    const time = new ManualClock()
    const planned = plannedBy(time)
    const server = await secureH2(ca, ok, { issue })
    const identity = new TestIdentity({ ca, wall: planned.wall })
    const leaf = leafTo(server.port, { ...planned, identity, random: Math.random })
    let stopped = false
    let calls = 0
    const lost: unknown[] = []
    const caller = async (): Promise<void> => {
      while (!stopped) {
        const outcome = await new Promise<Sent['outcome']>((resolve) => {
          const sent: Sent = new Sent(leaf)
          const look = (): void =>
            void (sent.outcome === undefined ? setImmediate(look) : resolve(sent.outcome))
          look()
        })
        if (outcome?.class === 'success') calls++
        else lost.push(outcome?.error ?? outcome)
      }
    }
    const callers = Promise.all(Array.from({ length: 4 }, caller))
    try {
      await until(() => calls > 0, { what: 'the first call' })
      for (let renewal = 1; renewal <= 100 && lost.length === 0; renewal++) {
        identity.take(ca)
        identity.tell('renewed')
        const serial = serialOf(identity)
        const shows = (): boolean => {
          time.advance(MINUTE)
          return server.shown.at(-1) === serial
        }
        await until(shows, { what: `calls under certificate ${renewal}`, everyMs: 1 })
      }
    } finally {
      stopped = true
      await callers
    }
    assert.deepEqual(lost, [])
    assert.ok(calls >= 100, `${calls} calls`)
    assert.ok(server.shown.length <= 250, `${server.shown.length} connections`)
  })

  test('FAULTS 36: a hundred certificates of 300 ms, in real time, lose no call', async () => {
    const server = await secureH2(ca, ok)
    const identity = new TestIdentity({ ca })
    // Whole seconds in a certificate: what is short is how long it counts here.
    const take = (): void => identity.take(ca, { lifetimeMs: 2000 })
    take()
    const leaf = leafTo(server.port, { identity, random: Math.random })
    const lost: unknown[] = []
    for (let renewal = 1; renewal <= 100; renewal++) {
      take()
      identity.current = { ...identity.current!, notAfterMs: Date.now() + 300 }
      identity.tell('renewed')
      const outcomes = await Promise.all(Array.from({ length: 5 }, () => new Sent(leaf).ended()))
      lost.push(...outcomes.filter((outcome) => outcome.class !== 'success'))
    }
    assert.deepEqual(lost, [])
    assert.ok(server.shown.length > 1, 'some made a new connection')
  })

  test('FAULTS 36: makes connections anew within ten minutes, or a quarter of what is left of a short life, spread by chance', async () => {
    for (const [lifetimeMs, windowMs] of [
      [DAY, 600_000],
      [20_000, 5000],
    ] as const)
      for (const chance of [0, 0.25, 0.999]) {
        const time = new ManualClock()
        const planned = plannedBy(time)
        const identity = new TestIdentity({ ca, wall: planned.wall })
        identity.take(ca, { lifetimeMs })
        const server = await secureH2(ca, ok, { issue })
        const leaf = leafTo(server.port, { ...planned, identity, random: () => chance })
        const call = async (): Promise<number> => {
          assert.equal((await new Sent(leaf).ended()).class, 'success')
          return server.shown.length
        }
        assert.equal(await call(), 1)
        identity.take(ca, { lifetimeMs })
        identity.tell('renewed')
        const afterMs = Math.ceil(chance * windowMs)
        if (afterMs > 0) {
          time.advance(afterMs - 1)
          // Told twice: the second changes nothing of the first one's moment.
          identity.tell('renewed')
          assert.equal(await call(), 1, `${chance} of ${windowMs}`)
        }
        time.advance(1)
        assert.equal(await call(), 2, `${chance} of ${windowMs}`)
        assert.equal(server.shown[1], serialOf(identity))
        leaf.destroy()
        assert.equal(time.armed, 0)
        assert.equal(identity.listeners.size, 0)
      }
  })

  test('FAULTS 36: a renewal in the middle of a handshake makes that connection anew as well', async () => {
    const server = await secureH2(ca, ok, { issue })
    const time = new ManualClock()
    const planned = plannedBy(time)
    const identity = new TestIdentity({ ca, wall: planned.wall })
    const first = serialOf(identity)
    const leaf = leafTo(server.port, { ...planned, identity })
    const sent = new Sent(leaf)
    identity.take(ca)
    identity.tell('renewed')
    time.advance(10 * MINUTE)
    assert.equal((await sent.ended()).class, 'success')
    time.advance(10 * MINUTE)
    assert.equal((await new Sent(leaf).ended()).class, 'success')
    assert.deepEqual(server.shown, [first, serialOf(identity)])
  })

  test('FAULTS 36: what runs ends by itself on the old connection, what follows shows the new certificate', async () => {
    const held: ServerHttp2Stream[] = []
    const server = await secureH2(ca, (stream) => (held.length === 0 ? void held.push(stream) : ok(stream)), {
      issue,
    })
    const time = new ManualClock()
    const planned = plannedBy(time)
    const identity = new TestIdentity({ ca, wall: planned.wall })
    const first = serialOf(identity)
    const leaf = leafTo(server.port, { ...planned, identity })
    const running = new Sent(leaf)
    await until(() => held.length === 1, { what: 'the call' })
    identity.take(ca)
    identity.tell('renewed')
    time.advance(10 * MINUTE)
    assert.equal((await new Sent(leaf).ended()).class, 'success')
    assert.deepEqual(server.shown, [first, serialOf(identity)])
    assert.equal(running.outcome, undefined)
    ok(held[0]!)
    assert.equal((await running.ended()).class, 'success')
    await until(() => server.open() === 1, { what: 'the end of the old connection' })
  })
})

describe('the age of a connection', () => {
  for (const [chance, atMs] of [
    [0, 3_240_000],
    [0.5, 3_600_000],
    [0.999, 3_959_280],
  ] as const)
    test(`FAULTS 39: is 1 h ± 10 %, in use or not; a stream of any length ends then, with chance ${chance}`, async () => {
      let endless: ServerHttp2Stream | undefined
      const server = await secureH2(
        ca,
        (stream, headers) => {
          if (headers[':path'] !== '/test.Echo/Watch') return ok(stream)
          endless = stream
          stream.resume()
          stream.respond(GRPC_HEADERS)
        },
        { issue },
      )
      const time = new ManualClock()
      const planned = plannedBy(time)
      const identity = new TestIdentity({ ca, wall: planned.wall })
      const leaf = leafTo(server.port, { ...planned, identity, random: () => chance })
      const call = async (): Promise<number> => {
        assert.equal((await new Sent(leaf).ended()).class, 'success')
        return server.shown.length
      }
      const stream = new Sent(leaf, { method: '/test.Echo/Watch', closes: false })
      await until(() => stream.wire.heard.length === 1, { what: 'the head' })
      time.advance(atMs - 5 * MINUTE - 1)
      assert.equal(await call(), 1)
      time.advance(2)
      assert.equal(await call(), 2, 'from five minutes before on calls open the next')
      endless!.write(framed(Buffer.from('still here')))
      await until(() => stream.wire.messages.length === 1, { what: 'a message on the old one' })
      time.advance(5 * MINUTE - 4)
      assert.ok(!stream.events.includes('end'))
      time.advance(4)
      assert.deepEqual(
        [
          stream.outcome?.error?.code,
          stream.outcome?.condition,
          stream.outcome?.committed,
          stream.outcome?.unsent,
        ],
        ['TULLE_RESET', 'reset', true, false],
      )
      assert.match(stream.outcome?.error?.message ?? '', /greatest age of a connection, 1 h/)
      assert.match(stream.outcome?.error?.hint ?? '', /open them again/)
      await within(
        until(() => server.open() === 1, { what: 'the end of the old connection' }),
        5000,
        'the end of the old connection',
      )
      assert.equal(await call(), 2)
    })

  test('FAULTS 39: a connection that nobody uses is given up at its age too', async () => {
    const server = await secureH2(ca, ok, { issue })
    const time = new ManualClock()
    const planned = plannedBy(time)
    const leaf = leafTo(server.port, { ...planned, identity: new TestIdentity({ ca, wall: planned.wall }) })
    assert.equal((await new Sent(leaf).ended()).class, 'success')
    time.advance(3_600_000)
    await until(() => server.open() === 0, { what: 'the end of the idle connection' })
    assert.equal(time.armed, 0)
  })
})
