import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  getGlobalDispatcher,
  setGlobalDispatcher,
  FormData as UndiciFormData,
  request as undiciRequest,
  WebSocket,
} from 'undici'
import { WebSocketServer } from 'ws'
import { bodyOf } from '../kit/behaviour.ts'
import { siblingOf, startProcess } from '../kit/process.ts'
import { type Setting, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

const TEXT = 'five pieces of text, twenty times over. '.repeat(20)
const METHODS = ['GET', 'POST', 'PUT', 'DELETE']

interface Carried {
  readonly status: number
  readonly body: { readonly method: string; readonly received: number; readonly id: string }
}
interface Init {
  method: string
  headers: Record<string, string>
  body?: unknown
  duplex?: 'half'
}
/** A way to call: what it is called with is fetch's, what it gives is read. */
type Way = (url: string, init: Init) => Promise<Carried>

function ways(setting: Setting): Record<string, Way> {
  const { mesh } = setting
  const viaFetch =
    (fetchLike: typeof fetch): Way =>
    async (url, init) => {
      const answer = await fetchLike(url, init as RequestInit)
      return { status: answer.status, body: (await answer.json()) as Carried['body'] }
    }
  const viaRequest =
    (requestLike: typeof undiciRequest): Way =>
    async (url, { duplex: _, ...init }) => {
      const { statusCode, body } = await requestLike(url, init as Parameters<typeof undiciRequest>[1])
      return { status: statusCode, body: (await body.json()) as Carried['body'] }
    }
  return {
    'mesh.fetch': viaFetch(mesh.fetch.bind(mesh) as typeof fetch),
    'mesh.request': viaRequest(mesh.request.bind(mesh) as typeof undiciRequest),
    'built-in fetch': viaFetch(fetch),
    'undici.request': viaRequest(undiciRequest),
  }
}

const BODIES: Readonly<Record<string, (way: string) => unknown>> = {
  nothing: () => undefined,
  text: () => TEXT,
  bytes: () => Buffer.from(TEXT),
  'a stream': (way) =>
    way.endsWith('request') ? Readable.from([Buffer.from(TEXT)]) : new Blob([TEXT]).stream(),
  'a form': (way) => {
    const form = way.includes('fetch') ? new FormData() : new UndiciFormData()
    form.append('text', TEXT)
    return form
  },
}

async function setUp(
  t: { after(fn: () => unknown): void },
  options: Parameters<typeof startSetting>[1] = {},
) {
  const setting = await startSetting(t, options)
  const before = getGlobalDispatcher()
  setGlobalDispatcher(setting.mesh.dispatcher)
  t.after(() => setGlobalDispatcher(before))
  return setting
}

for (const way of ['mesh.fetch', 'mesh.request', 'built-in fetch', 'undici.request'])
  test(`${way} carries every method with every kind of body`, async (t) => {
    const setting = await setUp(t, { upstreams: 2 })
    const call = ways(setting)[way] as Way
    for (const method of METHODS)
      for (const [kind, make] of Object.entries(BODIES)) {
        const body = make(way)
        if (method === 'GET' && body !== undefined) continue
        const id = `${method} ${kind}`.replaceAll(' ', '-')
        const init: Init = { method, headers: { 'x-request-id': id } }
        if (body !== undefined) Object.assign(init, { body, duplex: 'half' })
        const carried = await call('http://orders.mesh/items', init)
        assert.equal(carried.status, 200, id)
        assert.equal(carried.body.id, id)
        assert.equal(carried.body.method, method)
        const sent = kind === 'nothing' ? 0 : TEXT.length
        if (kind === 'a form') assert.ok(carried.body.received > sent, id)
        else assert.equal(carried.body.received, sent, id)
        assert.equal(setting.executions(id), 1, id)
      }
    await setting.finish()
  })

for (const way of ['mesh.fetch', 'mesh.request'] as const)
  test(`100 MB go up and come down through ${way} at flat memory`, async (t) => {
    const far = await startProcess(t, siblingOf(import.meta.url, '../kit/ledger-process'))
    const setting = await startSetting(t, { upstreams: 0, also: [`127.0.0.1:${far.ready[1]}`] })
    const total = 100_000_000
    const piece = Buffer.alloc(65_536, 'u')
    const base = held()
    let peak = 0
    let looked = 0
    let moved = 0
    const look = (bytes: number): void => {
      moved += bytes
      if (moved - looked < 10_000_000) return
      looked = moved
      peak = Math.max(peak, held() - base)
    }
    async function* upload() {
      for (let sent = 0; sent < total; sent += piece.length) {
        look(piece.length)
        yield piece.subarray(0, Math.min(piece.length, total - sent))
      }
    }
    const headers = { 'x-request-id': 'big', 'x-ledger': JSON.stringify({ bytes: total }) }
    let received = 0
    let intact = true
    const down = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
      const head = bodyOf('big', 65_536)
      for await (const chunk of body) {
        if (received < head.length)
          intact &&= head
            .subarray(received, received + chunk.length)
            .equals(Buffer.from(chunk).subarray(0, head.length - received))
        received += chunk.length
        look(chunk.length)
      }
    }
    const url = 'http://orders.mesh/big'
    if (way === 'mesh.request') {
      const answer = await setting.mesh.request(url, {
        method: 'PUT',
        headers,
        body: Readable.from(upload()),
      })
      await down(answer.body)
    } else {
      // `redirect: 'error'`, because fetch keeps a second copy of a body that a redirect might need (its `tee`).
      const init = { method: 'PUT', headers, body: upload(), duplex: 'half', redirect: 'error' }
      const answer = await setting.mesh.fetch(url, init as never)
      await down(answer.body as unknown as AsyncIterable<Uint8Array>)
    }
    assert.equal(received, total)
    assert.ok(intact)
    const counts = (await (await fetch(`http://127.0.0.1:${far.ready[1]}/__ledger`)).json()) as {
      entries: { received: number }[]
    }
    assert.equal(counts.entries[0]?.received, total)
    t.diagnostic(`memory held rose by at most ${(peak / 1e6).toFixed(0)} MB`)
    assert.ok(peak < 40_000_000, `${peak} bytes`)
    await setting.mesh.close()
  })

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What is held, not what waits to be collected: a copy of 100 MB would show in these. */
function held(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

for (const way of ['mesh.fetch', 'mesh.request', 'built-in fetch'])
  test(`an abort before the head and one in the middle of the body reach the server (${way})`, async (t) => {
    const setting = await setUp(t)
    const reason = new Error('I have to go')
    const open = async (hang: string, signal: AbortSignal): Promise<() => Promise<unknown>> => {
      const init = { signal, headers: { 'x-ledger': JSON.stringify({ hang, bytes: 50_000 }) } }
      if (way === 'mesh.request') {
        const { body } = await setting.mesh.request('http://orders.mesh/', init)
        return () => body.text()
      }
      const answer = await (way === 'mesh.fetch'
        ? setting.mesh.fetch('http://orders.mesh/', init)
        : fetch('http://orders.mesh/', init))
      return () => answer.text()
    }
    for (const hang of ['head', 'body']) {
      const before = setting.ledger.totals
      const arrived = before.requests
      const aborted = before.aborted
      const abort = new AbortController()
      const opening = open(hang, abort.signal)
      await until(() => setting.ledger.totals.requests > arrived, { what: 'the request to arrive' })
      const reading = hang === 'body' ? (await opening)() : opening
      const at = performance.now()
      abort.abort(reason)
      await assert.rejects(reading, (error: unknown) => error === reason, hang)
      await until(() => setting.ledger.totals.aborted > aborted, { what: 'the server to see it' })
      const last = setting.ledger.entries.at(-1)?.abortedAtMs as number
      t.diagnostic(`${hang}: the server saw it after ${(last - at).toFixed(1)} ms`)
    }
    await setting.finish()
  })

test('a WebSocket goes through the dispatcher', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data) => socket.send(`${request.headers.host} ${request.url}: ${data}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    sockets.close()
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const setting = await startSetting(t, { upstreams: 0, also: [`127.0.0.1:${port}`] })
  const socket = new WebSocket('ws://orders.mesh/live', { dispatcher: setting.mesh.dispatcher })
  const messages: string[] = []
  socket.addEventListener('message', (event) => messages.push(String(event.data)))
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', (event) =>
      reject((event as { error?: unknown }).error ?? new Error('refused')),
    )
  })
  for (let n = 0; n < 50; n++) socket.send(String(n))
  await until(() => messages.length === 50, { what: 'every message to come back' })
  assert.deepEqual(
    messages,
    Array.from({ length: 50 }, (_, n) => `orders.mesh /live: ${n}`),
  )
  const closed = new Promise((resolve) => socket.addEventListener('close', resolve))
  socket.close()
  await closed
  await setting.finish()
})

test('1,000 concurrent calls are each answered with their own answer', async (t) => {
  const setting = await startSetting(t, { upstreams: 3 })
  for (const ledger of setting.ledgers) ledger.behave({ delayMs: 50, bytes: 2000 })
  await Promise.all(
    Array.from({ length: 1000 }, (_, n) =>
      setting.caller.ask({ bytes: 2000, method: n % 2 ? 'POST' : 'GET' }),
    ),
  )
  assert.deepEqual(setting.caller.failures, [])
  t.diagnostic(`over ${setting.ledgers.map(({ totals }) => totals.requests).join(' + ')}`)
  await setting.finish()
})
