import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createMesh } from '../../src/mesh.ts'

/** Without any OpenTelemetry SDK a service still hands a trace on, by the letter of the specification. */

const PARENT = '00-12345678901234567890123456789012-1234567890123456-01'
let seen: IncomingMessage | undefined
let port = 0
const stock = createServer((req, res) => {
  seen = req
  res.end()
})
let mesh: ReturnType<typeof createMesh>

before(async () => {
  await new Promise<void>((resolve) => stock.listen(0, '127.0.0.1', resolve))
  const endpoints = { stock: `127.0.0.1:${(stock.address() as AddressInfo).port}` }
  mesh = createMesh({ service: 'orders', env: {}, endpoints })
  const server = await mesh.serve(
    async (_req, res) => {
      await (await mesh.fetch('http://stock.mesh/')).text()
      res.end()
    },
    { port: 0, host: '127.0.0.1', signals: false },
  )
  port = (server.address() as AddressInfo).port
})
after(async () => {
  await mesh.close()
  stock.close()
})

/** What the last service in the chain receives where the first sends these header lines. */
async function forwarded(...lines: (readonly [string, string])[]): Promise<object> {
  await new Promise<void>((resolve, reject) => {
    const headers = ['host', 'orders', ...lines.flat()]
    request({ port, host: '127.0.0.1', headers }, (res) => res.resume().on('end', resolve))
      .on('error', reject)
      .end()
  })
  const { traceparent, tracestate, baggage } = seen?.headers ?? {}
  return { traceparent, tracestate, baggage }
}
const nothing = { traceparent: undefined, tracestate: undefined, baggage: undefined }

test('a trace and its baggage go on as they came', async () => {
  const lines = [
    ['TraceParent', PARENT],
    ['tracestate', 'foo=1 , bar=2'],
    ['tracestate', ''],
    ['TRACESTATE', 'rojo=3'],
    ['baggage', 'user=alice'],
    ['baggage', 'bad member, tier=1'],
  ] as const
  assert.deepEqual(await forwarded(...lines), {
    traceparent: PARENT,
    tracestate: 'foo=1,bar=2,rojo=3',
    baggage: 'user=alice,tier=1',
  })
})

test('what is given twice, malformed or from a future without a prefix is not handed on', async () => {
  assert.deepEqual(await forwarded(['traceparent', PARENT], ['traceparent', PARENT]), nothing)
  assert.deepEqual(await forwarded(['traceparent', `${PARENT}-more`], ['tracestate', 'foo=1']), nothing)
  assert.deepEqual(await forwarded(['traceparent', `cc${PARENT.slice(2)}.more`]), nothing)
  assert.deepEqual(await forwarded(['trace-parent', PARENT]), nothing)
  assert.deepEqual(await forwarded(['tracestate', 'foo=1']), nothing)
})

test('a higher version is sent on in ours, and an invalid tracestate costs only itself', async () => {
  assert.deepEqual(
    await forwarded(['traceparent', `cc${PARENT.slice(2)}-more`], ['tracestate', 'foo=1,foo=2']),
    {
      ...nothing,
      traceparent: PARENT,
    },
  )
})
