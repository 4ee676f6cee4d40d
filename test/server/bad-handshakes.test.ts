import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { createServe } from '../../src/server/http.ts'
import { TestCa } from '../kit/certificates.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import type { Cleanup } from '../kit/process.ts'
import { get } from '../kit/raw-http.ts'
import { clientOf, servingIdentity, silentSocket, talk, withIdentity } from '../kit/tls-inbound.ts'
import { until, within } from '../kit/wait.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** A strict listener, and how many requests came to its application. */
async function strict(t: Cleanup) {
  const ca = TestCa.create()
  const { runtime } = inboundHarness()
  let requests = 0
  const server = await createServe(
    withIdentity({ ...runtime, wall: Date.now }, servingIdentity(ca), 'strict'),
  )(
    (_req, res) => {
      requests++
      res.end('fine')
    },
    { signals: false, host: '127.0.0.1', limits: { handshakeTimeoutMs: 300 } },
  )
  t.after(() => server.close({ graceMs: 0 }))
  return { ca, port: server.port, good: clientOf(ca, ca.issue()), requests: () => requests }
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
/** A frame of HEADERS (RFC 9113, section 6.2) with anything in the place of HPACK. */
function headers(garbage: Uint8Array): string {
  const head = [0, garbage.length >> 8, garbage.length & 255, 1, 5, 0, 0, 0, 1]
  return Buffer.concat([Buffer.from(head), garbage]).toString('latin1')
}

test('incident 26: HTTP/2 that nobody offered, and garbage in its headers, end a connection and nothing else', async (t) => {
  const { port, good, requests } = await strict(t)
  for (const ALPNProtocols of [['h2'], ['h2', 'http/1.1'], ['http/1.1'], ['\u0000', 'x'.repeat(200)], []])
    for (const length of [0, 1, 40, 4000]) {
      const text = `${PREFACE}${headers(randomBytes(length))}`
      const said = await talk(port, { ...good, ALPNProtocols }, text)
      assert.doesNotMatch(said.text, /fine/)
    }
  assert.equal(requests(), 0)
  assert.match((await talk(port, good, get('/'))).text, /fine/)
})

test('incident 27: any server name in a handshake is survived, and decides nothing', async (t) => {
  const { port, good } = await strict(t)
  const label = fc.string({ minLength: 1, maxLength: 60 })
  const names = fc.oneof(
    fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.').slice(0, 250)),
    fc.constantFrom(
      '__proto__',
      'constructor',
      'localhost',
      '127.0.0.1',
      'xn--',
      'a..b',
      '*.mesh',
      `${'a'.repeat(255)}`,
    ),
  )
  await fc.assert(
    fc.asyncProperty(names, async (servername) => {
      // A name that the client itself refuses never leaves it.
      const said = await talk(port, { ...good, servername }, get('/')).catch(() => undefined)
      if (said?.error === undefined && said !== undefined) assert.match(said.text, /fine/)
    }),
    { numRuns: 100 },
  )
  assert.match((await talk(port, good, get('/'))).text, /fine/)
})

test('nobody becomes another one on an open connection: TLS 1.2 is not renegotiated', async (t) => {
  const { port, good } = await strict(t)
  const socket = connect({ ...good, port, maxVersion: 'TLSv1.2' })
  t.after(() => socket.destroy())
  await within(new Promise((resolve) => socket.once('secureConnect', resolve)), 5000, 'a handshake')
  const error = await within(
    new Promise<unknown>((resolve) => {
      socket.once('error', resolve)
      socket.renegotiate({}, resolve)
    }),
    5000,
    'an answer to a renegotiation',
  )
  assert.ok(error instanceof Error)
})

test('FAULTS 45, incidents 27, 36: six hundred bad handshakes leave neither descriptors nor memory behind in the server', async (t) => {
  const { ca, port, good } = await strict(t)
  const other = TestCa.create()
  const hello = Buffer.from('160301020001000001fc0303', 'hex')
  const raw = (bytes: Buffer): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = silentSocket(port)
      socket.resume().once('close', resolve)
      socket.write(bytes)
    })
  const kinds = [
    () => talk(port, clientOf(ca), get('/')),
    () => talk(port, clientOf(ca, other.issue()), get('/')),
    () => talk(port, clientOf(ca, ca.issue({ isCa: true })), get('/')),
    () => talk(port, { ...good, ALPNProtocols: ['h3'] }, ''),
    () => raw(hello),
    () => raw(Buffer.concat([hello, randomBytes(500)])),
  ]
  const open = (): number => readdirSync('/proc/self/fd').length
  const heap = async (): Promise<number> => {
    for (let n = 0; n < 3; n++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  const rounds = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      await Promise.all(Array.from({ length: 30 }, (_, at) => kinds[at % kinds.length]!()))
      assert.match((await talk(port, good, get('/'))).text, /fine/)
    }
  }
  await rounds(5)
  const before = { descriptors: open(), heap: await heap() }
  await rounds(20)
  await until(() => open() <= before.descriptors + 8, { what: 'descriptors to be given back', seen: open })
  const grown = (await heap()) - before.heap
  t.diagnostic(`600 bad handshakes: ${Math.round(grown / 1024)} KiB more on the heap`)
  assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes more`)
})
