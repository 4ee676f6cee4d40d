import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { getGlobalDispatcher, setGlobalDispatcher, fetch as undiciFetch } from 'undici'
import { isMeshError } from '../../src/core/errors.ts'
import { createFetch, createRequest } from '../../src/http/fetch.ts'
import { deadPort, Harness, type HarnessOptions, type Listening, serveHttp } from '../kit/http-harness.ts'

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  closing.push(one)
  return one
}
const mesh = (options: HarnessOptions): Harness => kept(new Harness(options))
const http = async (...args: Parameters<typeof serveHttp>): Promise<Listening> =>
  kept(await serveHttp(...args))

describe('mesh.fetch', () => {
  test('gives a real Response and takes what fetch takes', async () => {
    const server = await http(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      res.setHeader('x-method', String(req.method))
      res.end(Buffer.concat(chunks))
    })
    const fetch = createFetch(mesh({ endpoints: [server.address] }).dispatcher)
    const url = 'http://orders.mesh/a'
    const plain = await fetch(url)
    assert.ok(plain instanceof Response)
    assert.equal(plain.headers.get('x-method'), 'GET')
    assert.equal(await (await fetch(new URL(url), { method: 'POST', body: 'text' })).text(), 'text')
    assert.equal(await (await fetch(new Request(url, { method: 'PUT', body: 'request' }))).text(), 'request')
    const stream = new Blob(['stream']).stream()
    assert.equal(
      await (await fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)).text(),
      'stream',
    )
    const form = new FormData()
    form.set('a', 'b')
    assert.match(await (await fetch(url, { method: 'POST', body: form })).text(), /name="a"/)
    assert.equal(await (await fetch(url, { method: 'POST', body: new URLSearchParams('a=b') })).text(), 'a=b')
  })

  test('sends a body again after a 503, which undici alone cannot', async () => {
    let turn = 0
    const server = await http(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      res.statusCode = turn++ === 0 ? 503 : 200
      res.end(Buffer.concat(chunks))
    })
    const fetch = createFetch(mesh({ endpoints: [server.address], attempts: 2 }).dispatcher)
    const res = await fetch('http://orders.mesh/', { method: 'PUT', body: 'again' })
    assert.equal(res.status, 200)
    assert.equal(await res.text(), 'again')
    assert.equal(turn, 2)
  })

  test('hands the options of one call over', async () => {
    const server = await http((_req, res) => res.end())
    const h = mesh({ endpoints: [server.address] })
    await createFetch(h.dispatcher)('http://orders.mesh/', { mesh: { timeout: '300ms', idempotent: false } })
    assert.equal(h.calls[0]?.options.timeoutMs, 300)
    assert.equal(h.calls[0]?.idempotent, false)
    await (await createRequest(h.dispatcher)('http://orders.mesh/', { mesh: { timeout: '1s' } })).body.dump()
    assert.equal(h.calls[1]?.options.timeoutMs, 1000)
  })

  test('rejects with the MeshError itself, with the caller’s own reason as it is', async () => {
    const h = mesh({ endpoints: [await deadPort()] })
    const fetch = createFetch(h.dispatcher)
    await assert.rejects(fetch('http://orders.mesh/'), (error) => {
      assert.ok(error instanceof TypeError)
      assert.ok(isMeshError(error))
      assert.equal(error.code, 'TULLE_CONNECT')
      return true
    })
    await assert.rejects(fetch('http://orders.mesh/', { mesh: { timeout: 'x' } }), { code: 'TULLE_BAD_CALL' })
    await assert.rejects(fetch('http://nobody.mesh/'), { code: 'TULLE_UNKNOWN_SERVICE' })
    const silent = await http(() => {})
    const reason = new Error('mine')
    const controller = new AbortController()
    const waiting = createFetch(mesh({ endpoints: [silent.address] }).dispatcher)('http://orders.mesh/', {
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(reason), 20)
    await assert.rejects(waiting, (error) => error === reason)
  })

  test('a body that breaks rejects once, with the MeshError as its cause', async () => {
    const server = await http((_req, res) => {
      res.writeHead(200, { 'content-length': 10 })
      res.write('half')
      setTimeout(() => res.destroy(), 10)
    })
    const res = await createFetch(mesh({ endpoints: [server.address] }).dispatcher)('http://orders.mesh/')
    await assert.rejects(
      res.text(),
      (error: Error) => isMeshError(error.cause) && error.cause.code === 'TULLE_RESET',
    )
  })

  test('follows redirects as fetch does, each hop a call of its own, and drops credentials between services', async () => {
    const server = await http((req, res) => {
      if (req.url === '/from') res.writeHead(307, { location: '/to' }).end()
      else if (req.url === '/away') res.writeHead(302, { location: `http://127.0.0.1:${other.port}/` }).end()
      else res.end(`${req.method} ${req.headers.authorization}`)
    })
    const other: Listening = await http((req, res) => res.end(String(req.headers.authorization)))
    const h = mesh({ endpoints: [server.address] })
    const fetch = createFetch(h.dispatcher)
    const headers = { authorization: 'secret' }
    assert.equal(
      await (await fetch('http://orders.mesh/from', { method: 'POST', body: 'x', headers })).text(),
      'POST secret',
    )
    assert.equal(h.calls.length, 2)
    const away = await fetch('http://orders.mesh/away', {
      headers: { ...headers, connection: 'close' },
    })
    assert.equal(await away.text(), 'undefined')
    const manual = await fetch('http://orders.mesh/from', { redirect: 'manual' })
    assert.equal(manual.status, 307)
  })

  test('decompresses', async () => {
    const { gzipSync } = await import('node:zlib')
    const server = await http((_req, res) => {
      res.setHeader('content-encoding', 'gzip')
      res.end(gzipSync('unzipped'))
    })
    assert.equal(
      await (
        await createFetch(mesh({ endpoints: [server.address] }).dispatcher)('http://orders.mesh/')
      ).text(),
      'unzipped',
    )
  })
})

test('as the global dispatcher, the built-in fetch and that of undici go through the mesh; the rest goes by', async () => {
  const server = await http((req, res) => res.end(String(req.headers.host)))
  const before = getGlobalDispatcher()
  const h = mesh({ endpoints: [server.address], previous: before })
  setGlobalDispatcher(h.dispatcher)
  try {
    assert.equal(await (await fetch('http://orders.mesh/')).text(), 'orders.mesh')
    assert.equal(await (await undiciFetch('http://orders.mesh/')).text(), 'orders.mesh')
    assert.equal(
      await (await fetch(`http://${server.address}/`, { headers: { connection: 'close' } })).text(),
      server.address,
    )
    assert.equal(h.calls.length, 2)
  } finally {
    setGlobalDispatcher(before)
  }
})

test('a thousand concurrent calls all come back with their own answer', async () => {
  const server = await http((req, res) => setTimeout(() => res.end(req.url), 5))
  const h = mesh({ endpoints: [server.address] })
  const request = createRequest(h.dispatcher)
  const answers = await Promise.all(
    Array.from({ length: 1000 }, async (_, i) => (await request(`http://orders.mesh/${i}`)).body.text()),
  )
  assert.deepEqual(
    answers,
    Array.from({ length: 1000 }, (_, i) => `/${i}`),
  )
  assert.ok(h.reports.every(({ end }) => end?.class === 'success'))
})
