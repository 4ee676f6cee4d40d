import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createFetch } from '../../src/http/fetch.ts'
import { Harness, type HarnessOptions, type Listening, serveHttp } from '../kit/http-harness.ts'
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
const http = async (...args: Parameters<typeof serveHttp>): Promise<Listening> =>
  kept(await serveHttp(...args))
const isLean = (res: Response): boolean => Object.getPrototypeOf(res) !== Response.prototype
const url = 'http://orders.mesh/'

test('a plain call is lean, and one connection carries all of them, read or not', async () => {
  const server = await http((_req, res) => res.end('small'))
  const h = mesh({ endpoints: [server.address] })
  const fetch = createFetch(h.dispatcher)
  for (let i = 0; i < 5; i++) {
    const res = await fetch(url, { method: 'POST', body: 'x' })
    assert.ok(isLean(res))
    if (i % 2 === 0) await res.text()
    await until(() => h.ended, { what: 'the end of the call' })
    // undici takes a connection back one turn after the end of an answer.
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(server.connections(), 1)
})

test('a body in memory is sent again after a 503, whatever its size', async () => {
  let turn = 0
  const lengths: number[] = []
  const server = await http(async (req, res) => {
    let length = 0
    for await (const chunk of req) length += (chunk as Buffer).length
    lengths.push(length)
    res.statusCode = turn++ === 0 ? 503 : 200
    res.end()
  })
  const h = mesh({ endpoints: [server.address], attempts: 2, replayBytes: 10 })
  const res = await createFetch(h.dispatcher)(url, { method: 'PUT', body: 'x'.repeat(100_000) })
  assert.equal(res.status, 200)
  assert.deepEqual(lengths, [100_000, 100_000])
})

test('a large answer nobody reads waits at the server, and goes on when somebody does', async () => {
  const size = 8 * 1024 * 1024
  let written = false
  const server = await http((_req, res) => {
    res.end(Buffer.alloc(size), () => {
      written = true
    })
  })
  const res = await createFetch(mesh({ endpoints: [server.address] }).dispatcher)(url)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(written, false)
  assert.equal((await res.arrayBuffer()).byteLength, size)
})

test('an answer that is forgotten unread gives its connection back', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const server = await http((_req, res) => res.end(Buffer.alloc(8 * 1024 * 1024)))
  const h = mesh({ endpoints: [server.address] })
  const fetch = createFetch(h.dispatcher)
  await (async () => void (await fetch(url)))()
  await until(
    () => {
      collect()
      return h.ended
    },
    { what: 'the end of a call nobody can read', everyMs: 20 },
  )
  assert.equal(h.last.end?.class, 'ignored')
})

test('an answer the built-in fetch goes on with was executed once, and what follows runs in the caller’s context', async () => {
  const store = new AsyncLocalStorage<number>()
  const seen: string[] = []
  const server = await http((req, res) => {
    seen.push(String(req.url))
    if (req.url?.startsWith('/from') === true)
      res.writeHead(307, { location: req.url.replace('from', 'to') }).end()
    else setTimeout(() => res.end(), 5)
  })
  const h = mesh({ endpoints: [server.address] })
  const stores: unknown[] = []
  const dispatcher = new Proxy(h.dispatcher, {
    get: (target, name) => {
      if (name !== 'send') return (target as any)[name].bind(target)
      return (...given: Parameters<typeof target.send>) => {
        stores.push([given[0].path, store.getStore(), (given[2] as any)?.timeout])
        return target.send(...given)
      }
    },
  })
  const fetch = createFetch(dispatcher)
  const call = (i: number): Promise<Response> =>
    store.run(i, () => fetch(`${url}from/${i}`, { method: 'POST', body: 'x', mesh: { timeout: '2s' } }))
  // Over one connection, which the first call opens.
  await call(0)
  await Promise.all([1, 2, 3].map((i) => call(i)))
  assert.deepEqual(seen.sort(), [0, 1, 2, 3].flatMap((i) => [`/from/${i}`, `/to/${i}`]).sort())
  assert.deepEqual(
    stores.map((one) => JSON.stringify(one)).sort(),
    [0, 1, 2, 3].flatMap((i) => [`["/from/${i}",${i},"2s"]`, `["/to/${i}",${i},"2s"]`]).sort(),
  )
})
