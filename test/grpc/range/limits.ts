import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { afterEach, test } from 'node:test'
import { createDeflate, createGzip } from 'node:zlib'
import { closeAll, kept, leafTo } from '../../kit/grpc/leaf-bench.ts'
import { framed, GRPC_HEADERS, Sent, serveH2 } from '../../kit/grpc-bench.ts'

const MB = 1024 * 1024
/**
 * Measured: 0 to 7 for what is declared, 55 for gzip, 11 for deflate, whether 20 calls or 60: messages of 4 MB, the limit,
 * that are not collected yet. One bomb that goes off is 512.
 */
const MOST_MB = 128
afterEach(closeAll)

/** Zeros, made a thousandth of their size without ever being in memory. */
async function bomb(zip: ReturnType<typeof createGzip>, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  const zeros = Buffer.alloc(64 * 1024)
  const collected = (async () => {
    for await (const part of zip) parts.push(part as Buffer)
  })()
  for (let left = bytes; left > 0; left -= zeros.length)
    if (!zip.write(zeros)) await new Promise((resolve) => zip.once('drain', resolve))
  zip.end()
  await collected
  return Buffer.concat(parts)
}

const respond = (stream: ServerHttp2Stream, encoding?: string): void =>
  stream.respond({ ...GRPC_HEADERS, ...(encoding && { 'grpc-encoding': encoding }) })

/** Writes for as long as somebody takes it, 200 MB at most. */
function pour(stream: ServerHttp2Stream): void {
  const piece = Buffer.alloc(64 * 1024)
  let left = 3200
  const more = (): void => {
    while (!stream.destroyed && left-- > 0) if (!stream.write(piece)) return void stream.once('drain', more)
  }
  more()
}

const kinds: Readonly<
  Record<
    string,
    { prepare?(): Promise<Buffer>; send(stream: ServerHttp2Stream, bytes: Buffer): void; says: RegExp }
  >
> = {
  'a message that declares 800 MB, and goes on and on': {
    send(stream) {
      respond(stream)
      stream.write(Buffer.from([0, 0x2f, 0xaf, 0x08, 0]))
      pour(stream)
    },
    says: /grpc\.max_receive_message_length/,
  },
  '512 MB in 500 KB of gzip': {
    prepare: () => bomb(createGzip(), 512 * MB),
    send(stream, bytes) {
      respond(stream, 'gzip')
      stream.write(framed(bytes, 1))
    },
    says: /grpc\.max_receive_message_length/,
  },
  '512 MB in 500 KB of deflate': {
    prepare: () => bomb(createDeflate() as never, 512 * MB),
    send(stream, bytes) {
      respond(stream, 'deflate')
      stream.write(framed(bytes, 1))
    },
    says: /grpc\.max_receive_message_length/,
  },
}

for (const [what, { prepare, send, says }] of Object.entries(kinds))
  test(`SECURITY 37: ${what}: refused by our own limit, within a few MB, and the peer is not charged`, async (t) => {
    const bytes = (await prepare?.()) ?? Buffer.alloc(0)
    const server = kept(await serveH2((stream) => send(stream, bytes)))
    const leaf = leafTo(server.port)
    // Everything is loaded and warm.
    const one = async (): Promise<void> => {
      const sent = new Sent(leaf)
      const outcome = await sent.ended()
      assert.equal(outcome.class, 'ignored')
      assert.equal(sent.wire.status?.code, 8)
      assert.match(sent.wire.status.details, says)
      assert.deepEqual(sent.wire.messages, [])
    }
    await one()
    // The most there ever was, not what there is now.
    const before = process.resourceUsage().maxRSS
    for (let call = 0; call < 20; call++) await one()
    const grownMb = (process.resourceUsage().maxRSS - before) / 1024
    t.diagnostic(`grown by ${grownMb.toFixed(1)} MB at most`)
    assert.ok(grownMb < MOST_MB, `${grownMb} MB`)
  })
