import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Metadata, status } from '@grpc/grpc-js'
import { ManualClock } from '../../src/testing/manual-clock.ts'
import {
  CANCEL,
  CONTINUATION,
  callHeaders,
  END_HEADERS,
  HEADERS,
  HELLO,
  h2Frame,
  headerBlock,
  indexed,
  PING,
  PREFACE,
  RST_STREAM,
  rawPeer,
  SETTINGS,
} from '../kit/grpc/frames.ts'
import { type InboundGrpc, inboundGrpc } from '../kit/grpc/inbound.ts'
import { observe, quote } from '../kit/grpc/observe.ts'
import { until, within } from '../kit/wait.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const QUOTE = '/tulle.test.pricing.v1.Pricing/Quote'
const CALL = headerBlock(callHeaders(QUOTE))

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function rssMb(): number {
  collect()
  return process.memoryUsage().rss / 1e6
}

/** The type of the frame (RFC 9113, 6.8). */
const GOAWAY = 7

/** The 99th percentile of a good caller's calls, in milliseconds. */
async function latency(scene: InboundGrpc): Promise<number> {
  const client = scene.client()
  await quote(client)
  const taken: number[] = []
  for (let n = 0; n < 200; n++) {
    const started = performance.now()
    await quote(client)
    taken.push(performance.now() - started)
  }
  return taken.sort((a, b) => a - b)[197]!
}

/** Whether these whole frames hold a GOAWAY that is no farewell in good order. */
function wasShownOut(frames: Buffer): boolean {
  for (let at = 0; at + 17 <= frames.length; at += 9 + frames.readUIntBE(at, 3))
    if (frames[at + 3] === GOAWAY && frames.readUInt32BE(at + 13) !== 0) return true
  return false
}

/**
 * Says it again and again, until nobody listens or `times` is reached.
 * @returns whether it was cut off: Node 20 says GOAWAY, reads nothing more and leaves the socket to its peer
 */
async function flood(
  t: Parameters<typeof rawPeer>[0],
  port: number,
  times: number,
  say: (n: number) => Buffer,
): Promise<boolean> {
  const { socket } = rawPeer(t, port, HELLO)
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  for (let n = 0; n < times && !socket.destroyed; n++) {
    socket.write(say(n))
    await turn()
  }
  const cut = socket.destroyed || wasShownOut(Buffer.concat(heard))
  socket.destroy()
  return cut
}

/** A hundred streams that are opened and reset. */
function resets(n: number): Buffer {
  return Buffer.concat(
    Array.from({ length: 100 }, (_, m) => {
      const id = (n * 100 + m) * 2 + 1
      return Buffer.concat([h2Frame(HEADERS, END_HEADERS, id, CALL), h2Frame(RST_STREAM, 0, id, CANCEL)])
    }),
  )
}

const many = (frame: Buffer): Buffer => Buffer.concat(Array.from({ length: 1000 }, () => frame))

test('FAULTS 53, incidents 25, 29: floods end their own connection, and cost others and the memory next to nothing', async (t) => {
  const scene = await inboundGrpc(t)
  const calm = await latency(scene)
  const before = rssMb()
  const pings = many(h2Frame(PING, 0, 0, Buffer.alloc(8)))
  const settings = many(h2Frame(SETTINGS, 0, 0))
  const endless = h2Frame(HEADERS, 0, 1, CALL)
  const more = h2Frame(CONTINUATION, 0, 1, headerBlock([['x-more', 'x'.repeat(10_000)]]))
  assert.ok(await flood(t, scene.port, 200, resets), 'a rapid reset')
  assert.ok(await flood(t, scene.port, 2000, (n) => (n === 0 ? endless : more)), 'a header without an end')
  // Whoever reads the answers may go on: what it costs is its own bandwidth.
  await Promise.all([
    flood(t, scene.port, 200, () => pings),
    flood(t, scene.port, 200, () => settings),
    latency(scene),
  ])
  await until(() => scene.harness.inFlight() === 0, { what: 'every call to end' })
  const stormy = await latency(scene)
  const grown = rssMb() - before
  t.diagnostic(`99 %: ${calm.toFixed(1)} ms, then ${stormy.toFixed(1)} ms; ${grown.toFixed(0)} MB more`)
  assert.ok(grown < 150, `${grown} MB more`)
  for (const { ends } of scene.harness.seen) assert.equal(ends.length, 1)
})

test('FAULTS 52: whoever does not speak HTTP/2 in time is let go; whoever does may be silent after that', async (t) => {
  const clock = new ManualClock()
  const scene = await inboundGrpc(t, { clock })
  const silent = [PREFACE.subarray(0, 1), PREFACE, HELLO.subarray(0, -1), HELLO].map((said) =>
    rawPeer(t, scene.port, said),
  )
  await until(() => silent.every(({ received }) => received().length > 0), { what: 'all to be let in' })
  const polite = scene.client()
  await quote(polite)
  const peer = (): string | undefined => scene.service.ledger.executions.at(-1)?.peer
  const first = peer()
  clock.advance(9999)
  await quote(scene.client())
  assert.ok(silent.every(({ socket }) => !socket.destroyed))
  clock.advance(1)
  await Promise.all(silent.map(({ closed }) => within(closed, 3000, 'the end of a silent connection')))
  await quote(polite)
  assert.equal(peer(), first, 'the same connection')
})

test('FAULTS 49: metadata past 16 KiB is refused before anything looks at it, and the limit may be raised', async (t) => {
  const scene = await inboundGrpc(t)
  const wide = await inboundGrpc(t, { serve: { limits: { maxHeaderBytes: 0 } } })
  const metadata = new Metadata()
  metadata.set('x-large', 'x'.repeat(20_000))
  const { error } = await observe(scene.client(), 'quote', { metadata })
  assert.equal(error?.code, status.RESOURCE_EXHAUSTED)
  assert.match(error.details, /TULLE_HEADERS_TOO_LARGE \(canonical\)/)
  assert.equal(scene.harness.seen.length, 0)
  assert.equal((await observe(wide.client(), 'quote', { metadata })).error, undefined)
})

test('incident 25: headers that cost their sender nothing are not kept for as long as it likes', async (t) => {
  const scene = await inboundGrpc(t)
  await quote(scene.client())
  const kept = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = kept()
  const peer = rawPeer(t, scene.port, HELLO)
  const bytes = Buffer.concat([
    h2Frame(HEADERS, END_HEADERS, 1, Buffer.concat([CALL, indexed('x-a', 'x'.repeat(3900))])),
    // Fifteen times the first entry of the dynamic table.
    ...Array.from({ length: 4999 }, (_, n) =>
      h2Frame(HEADERS, END_HEADERS, 2 * n + 3, Buffer.concat([CALL, Buffer.alloc(15, 0x80 | 62)])),
    ),
  ])
  peer.socket.write(bytes)
  await until(() => scene.told.filter(({ name }) => name === 'request').length >= 4999, {
    what: 'every call to be refused',
  })
  const each = (kept() - before) / 5000
  t.diagnostic(`${each.toFixed(0)} bytes are kept of 58,500 for as long as a refused stream is not closed`)
  assert.ok(each < 25_000, `${each} bytes for every stream`)
  assert.equal(scene.harness.inFlight(), 1)
})
