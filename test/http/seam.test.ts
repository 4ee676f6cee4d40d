import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { Agent, type Dispatcher, interceptors, request } from 'undici'
import { isMeshError, MeshError } from '../../src/core/errors.ts'
import { ManualClock } from '../../src/testing/manual-clock.ts'
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
const get = (h: Harness, path = '/', options: object = {}): Promise<Dispatcher.ResponseData<unknown>> =>
  request(`http://orders.mesh${path}`, { dispatcher: h.dispatcher, ...options })
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isMeshError(error) ? error.code : String(error)),
  )

/** Keeps what it is handed. */
class Previous extends Agent {
  readonly seen: unknown[][] = []
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.seen.push([options, handler])
    return false
  }
}

describe('what is not the mesh’s', () => {
  test('goes to the dispatcher that was there before: the same objects, the same tick, the same answer', () => {
    const previous = new Previous()
    const h = mesh({ endpoints: [], previous })
    const handler = {}
    for (const origin of [
      'http://example.com',
      new URL('https://example.com:8443'),
      'http://mesh.example.com',
      undefined,
      'not a url',
    ]) {
      const options = { origin, path: '/', method: 'GET' } as Dispatcher.DispatchOptions
      assert.equal(h.dispatcher.dispatch(options, handler), false)
      const [seenOptions, seenHandler] = previous.seen.at(-1) as unknown[]
      assert.equal(seenOptions, options)
      assert.equal(seenHandler, handler)
    }
    assert.equal(previous.seen.length, 5)
  })

  test('still arrives where the mesh is itself what was there before', async () => {
    const server = await http((_req, res) => res.end('plain'))
    let self: Dispatcher | undefined
    const h = mesh({
      endpoints: [],
      get previous(): Dispatcher {
        return self as Dispatcher
      },
    })
    self = h.dispatcher
    const res = await request(`http://${server.address}/`, { dispatcher: h.dispatcher, reset: true })
    assert.equal(await res.body.text(), 'plain')
  })

  test('is not closed with us', async () => {
    const previous = new Previous()
    const h = mesh({ endpoints: [], previous })
    await h.dispatcher.close()
    await h.dispatcher.destroy()
    await new Promise<void>((resolve) => h.dispatcher.close(resolve))
    await new Promise<void>((resolve) => h.dispatcher.destroy(null, resolve))
    assert.equal(previous.closed, false)
    assert.equal(previous.destroyed, false)
  })
})

describe('names', () => {
  test('https means the same call, a port or an unknown name is an error of its own', async () => {
    const server = await http((_req, res) => res.end('ok'))
    const h = mesh({ endpoints: [server.address] })
    const res = await request('https://orders.mesh/', { dispatcher: h.dispatcher })
    assert.equal(await res.body.text(), 'ok')
    assert.equal(
      await codeOf(request('http://orders.mesh:81/', { dispatcher: h.dispatcher })),
      'TULLE_BAD_NAME',
    )
    assert.equal(
      await codeOf(request('http://ordres.mesh/', { dispatcher: h.dispatcher })),
      'TULLE_UNKNOWN_SERVICE',
    )
    assert.equal(await codeOf(get(mesh({ endpoints: [] }))), 'TULLE_NO_ENDPOINT')
  })

  test('a new snapshot counts from the next call on', async () => {
    const server = await http((_req, res) => res.end('ok'))
    const h = mesh({ endpoints: [server.address] })
    await (await get(h)).body.dump()
    h.snapshot = { version: '8', services: new Map(), hosts: new Map() }
    assert.equal(await codeOf(get(h)), 'TULLE_UNKNOWN_SERVICE')
  })

  test('many origins are remembered without end of memory', () => {
    const previous = new Previous()
    const h = mesh({ endpoints: [], previous })
    for (let i = 0; i < 3000; i++)
      h.dispatcher.dispatch({ origin: `http://h${i}.example`, path: '/', method: 'GET' }, {})
    assert.equal(previous.seen.length, 3000)
  })
})

describe('the call that is made', () => {
  test('has its method, its path without the query, the caller’s options and the ambient of its moment', async () => {
    const server = await http((_req, res) => res.end())
    const h = mesh({ endpoints: [server.address] })
    h.ambient = { priority: 'high' }
    const mesh_ = { timeout: '300ms', retry: false, idempotent: true, affinity: 'user-1' }
    await (await get(h, '/v1/items?x=/y', { method: 'POST', mesh: mesh_ })).body.dump()
    const [call] = h.calls
    assert.equal(call?.method, 'POST')
    assert.equal(call.path, '/v1/items')
    assert.deepEqual({ ...call.options }, { timeoutMs: 300, retry: false })
    assert.equal(call.idempotent, true)
    assert.equal(call.affinity, 'user-1')
    assert.equal(call.ambient, h.ambient)
    assert.equal(call.replayable, true)
    assert.deepEqual(call.target, { service: 'orders' })
  })

  test('is idempotent by method, by Idempotency-Key, by the route or by the caller’s word, which is the last', async () => {
    const server = await http((_req, res) => res.end())
    const cases: [HarnessOptions, object, boolean][] = [
      [{ endpoints: [] }, { method: 'GET' }, true],
      [{ endpoints: [] }, { method: 'DELETE' }, true],
      [{ endpoints: [] }, { method: 'POST' }, false],
      [{ endpoints: [] }, { method: 'PATCH' }, false],
      [{ endpoints: [] }, { method: 'POST', headers: { 'Idempotency-Key': 'k' } }, true],
      [{ endpoints: [], idempotent: true }, { method: 'POST' }, true],
      [{ endpoints: [] }, { method: 'GET', mesh: { idempotent: false } }, false],
    ]
    for (const [options, call, expected] of cases) {
      const h = mesh({ ...options, endpoints: [server.address] })
      await (await get(h, '/', call)).body.dump()
      assert.equal(h.calls[0]?.idempotent, expected, JSON.stringify(call))
    }
  })

  test('can be had a second time for a shadow where its body is in memory', async () => {
    const server = await http((_req, res) => res.end())
    const h = mesh({ endpoints: [server.address] })
    await (await get(h, '/', { method: 'POST', body: 'x' })).body.dump()
    await (await get(h, '/', { method: 'POST', body: ['x'] })).body.dump()
    const shadow = h.calls[0]?.fork()
    assert.equal(shadow?.method, 'POST')
    assert.notEqual(shadow, h.calls[0])
    assert.equal(h.calls[1]?.fork(), undefined)
  })
})

describe('a malformed call', () => {
  test('is refused before anything is decided, whatever makes it malformed', async () => {
    const h = mesh({ endpoints: [] })
    const cases: object[] = [
      { headers: { a: 'x\r\nevil: 1' } },
      { headers: { a: 'x\0' } },
      { headers: { 'a\r\nb': 'x' } },
      { headers: { 'a b': 'x' } },
      { headers: ['a'] },
      { headers: [['a', 'b']] },
      { headers: { a: {} } },
      { headers: { a: ['ok', 'x\ny'] } },
      { headers: { expect: '100-continue' } },
      { headers: 'a: b' },
      { method: 'GE T' },
      { method: 'GET\r\nX: y' },
      { method: 'POST', body: 42 },
      { method: 'POST', body: {} },
      { mesh: { timeout: 'soon' } },
      { mesh: { timeout: -1 } },
      { mesh: { retry: true } },
      { mesh: { idempotent: 'yes' } },
      { mesh: { affinity: 1 } },
      { mesh: { retires: 1 } },
      { mesh: 'fast' },
    ]
    for (const options of cases)
      assert.equal(await codeOf(get(h, '/', options)), 'TULLE_BAD_CALL', JSON.stringify(options))
    for (const path of ['/a b', '/a\r\nb', 'x', '/\u0000', 1]) {
      const told = await new Promise((resolve) =>
        h.dispatcher.dispatch(
          { origin: 'http://orders.mesh', path: path as string, method: 'GET' },
          { onRequestStart() {}, onResponseError: (_c, error) => resolve(error) },
        ),
      )
      assert.equal((told as MeshError).code, 'TULLE_BAD_CALL')
    }
    assert.equal(h.calls.length, 0)
  })

  test('case variants of content-length, transfer-encoding and a second host do not get out', async () => {
    const server = await http((_req, res) => res.end())
    const h = mesh({ endpoints: [server.address] })
    for (const headers of [
      ['Content-Length', '1', 'content-length', '1'],
      { 'transfer-encoding': 'chunked' },
      ['host', 'a', 'Host', 'b'],
      { 'content-length': '1x' },
    ])
      assert.equal(await codeOf(get(h, '/', { method: 'POST', body: 'x', headers })), 'TULLE_BAD_CALL')
    assert.equal(server.connections(), 0)
  })

  test('a handler that is none is refused as undici does', () => {
    const h = mesh({ endpoints: [] })
    const options = { origin: 'http://orders.mesh', path: '/', method: 'GET' } as const
    for (const handler of [undefined, null, 1, {}, { onConnect() {} }, { onConnect() {}, onError() {} }])
      assert.throws(() => h.dispatcher.dispatch(options, handler as never), { code: 'UND_ERR_INVALID_ARG' })
  })
})

describe('before start() is over', () => {
  test('a call waits, with what it was given then, and goes out when the mesh is ready', async () => {
    const server = await http((req, res) => res.end(String(req.headers['x-a'])))
    const h = mesh({ endpoints: [server.address], state: 'idle' })
    const headers: Record<string, string> = { 'x-a': 'before' }
    const waiting = get(h, '/', { headers })
    headers['x-a'] = 'after'
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(h.calls.length, 0)
    h.ready()
    assert.equal(await (await waiting).body.text(), 'before')
  })

  test('a call can be called off while it waits, and its stream is let go', async () => {
    const h = mesh({ endpoints: [], state: 'starting' })
    const { Readable } = await import('node:stream')
    const body = Readable.from(['x'])
    const controller = new AbortController()
    const waiting = get(h, '/', { method: 'POST', body, signal: controller.signal })
    controller.abort(new Error('left'))
    await assert.rejects(waiting, { message: 'left' })
    assert.equal(body.destroyed, true)
    h.ready()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(h.calls.length, 0)
  })

  test('it does not wait for ever, and the wait is part of its time', async () => {
    const clock = new ManualClock()
    const h = mesh({ endpoints: [], state: 'idle', clock })
    const waiting = codeOf(get(h, '/', { mesh: { timeout: 200 } }))
    clock.advance(200)
    assert.equal(await waiting, 'TULLE_NOT_READY')
    const second = codeOf(get(h, '/', { mesh: { timeout: 200 } }))
    clock.advance(150)
    h.ready()
    await second
    assert.equal(h.calls[0]?.options.timeoutMs, 50)
    assert.equal(clock.armed, 0)
  })

  test('a start that fails, and a mesh that is closed, say so', async () => {
    const h = mesh({ endpoints: [], state: 'starting' })
    const waiting = codeOf(get(h))
    h.failStart(new MeshError('TULLE_START', 'no discovery'))
    assert.equal(await waiting, 'TULLE_START')
    h.state = 'closed'
    assert.equal(await codeOf(get(h)), 'TULLE_CLOSED')
  })
})

describe('handlers', () => {
  type Event = [string, ...unknown[]]

  test('of the new kind get one controller for all attempts, raw headers and trailers, and steer the flow', async () => {
    let turn = 0
    const server = await http((_req, res) => {
      res.writeHead(turn++ === 0 ? 503 : 200, { trailer: 'x-t', 'X-A': '1' })
      res.write('one')
      setTimeout(() => {
        res.addTrailers({ 'x-t': '2' })
        res.end('two')
      }, 5)
    })
    const h = mesh({ endpoints: [server.address], attempts: 2 })
    const events: Event[] = []
    const controllers = new Set<Dispatcher.DispatchController>()
    await new Promise<void>((resolve, reject) => {
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart: (controller) => {
          controllers.add(controller)
          events.push(['start'])
        },
        onResponseStart: (controller, status, headers) => {
          controllers.add(controller)
          events.push(['head', status, headers['x-a']])
          assert.ok(String(controller.rawHeaders).includes('X-A'))
        },
        onResponseData: (controller, chunk) => {
          events.push(['data', chunk.toString()])
          controller.pause()
          assert.equal(controller.paused, true)
          setTimeout(() => controller.resume(), 10)
        },
        onResponseEnd: (controller, trailers) => {
          events.push(['end', trailers['x-t']])
          assert.ok(String(controller.rawTrailers).includes('x-t'))
          resolve()
        },
        onResponseError: (_controller, error) => reject(error),
      }
      assert.equal(
        h.dispatcher.dispatch({ origin: 'http://orders.mesh', path: '/', method: 'GET' }, handler),
        true,
      )
    })
    assert.equal(controllers.size, 1)
    assert.deepEqual(events, [['start'], ['head', 200, '1'], ['data', 'one'], ['data', 'two'], ['end', '2']])
  })

  test('of the new kind abort before, in and after the head; the reason comes back as it is, once', async () => {
    const server = await http((_req, res) => {
      res.write('x')
    })
    for (const moment of ['start', 'head', 'data'] as const) {
      const h = mesh({ endpoints: [server.address] })
      const reason = new Error(moment)
      const told: unknown[] = []
      const abortAt = (now: string) => (controller: Dispatcher.DispatchController) => {
        if (now !== moment) return
        controller.abort(reason)
        controller.abort(new Error('again'))
        assert.equal(controller.aborted, true)
        assert.equal(controller.reason, reason)
        assert.deepEqual(told, [reason], 'told in the same tick')
      }
      h.dispatcher.dispatch(
        { origin: 'http://orders.mesh', path: '/', method: 'GET' },
        {
          onRequestStart: abortAt('start'),
          onResponseStart: abortAt('head'),
          onResponseData: abortAt('data'),
          onResponseError: (_controller, error) => told.push(error),
        },
      )
      await until(() => told.length === 1, { what: `the abort at ${moment}` })
      assert.equal(h.calls.length, moment === 'start' ? 0 : 1)
    }
  })

  test('that throw get their own error back, and nobody else is blamed', async () => {
    const server = await http((_req, res) => {
      res.write('x')
      setTimeout(() => res.end(), 5)
    })
    for (const method of ['onConnect', 'onHeaders', 'onData', 'onRequestSent'] as const) {
      const h = mesh({ endpoints: [server.address] })
      const boom = new Error(method)
      const told = await new Promise((resolve) => {
        const handler = {
          onConnect() {},
          onHeaders: () => true,
          onData: () => true,
          onComplete() {},
          onError: resolve,
        }
        h.dispatcher.dispatch({ origin: 'http://orders.mesh', path: '/', method: 'GET' }, {
          ...handler,
          [method]() {
            throw boom
          },
        } as never)
      })
      assert.equal(told, boom)
      if (method !== 'onConnect') assert.equal(h.last.end?.class, 'ignored')
    }
  })

  test('of the old kind are called as undici calls them', async () => {
    const server = await http((_req, res) => {
      res.writeHead(200, { 'X-A': '1' })
      res.write('one')
      setTimeout(() => res.end('two'), 5)
    })
    const h = mesh({ endpoints: [server.address] })
    const events: Event[] = []
    await new Promise<void>((resolve, reject) => {
      h.dispatcher.dispatch({ origin: 'http://orders.mesh', path: '/', method: 'POST', body: 'abc' }, {
        onConnect: (abort: unknown) => events.push(['connect', typeof abort]),
        onBodySent: (chunk: Buffer) => events.push(['body sent', chunk.toString()]),
        onRequestSent: () => events.push(['request sent']),
        onResponseStarted: () => events.push(['response started']),
        onHeaders: (status: number, raw: Buffer[], resume: () => void, text: string) => {
          events.push(['headers', status, raw.map(String).includes('X-A'), text])
          setTimeout(resume, 10)
          return false
        },
        onData: (chunk: Buffer) => {
          events.push(['data', chunk.toString()])
          return true
        },
        onComplete: (trailers: Buffer[]) => {
          events.push(['complete', trailers.length])
          resolve()
        },
        onError: reject,
      } as never)
    })
    assert.deepEqual(events, [
      ['connect', 'function'],
      ['body sent', 'abc'],
      ['request sent'],
      ['response started'],
      ['headers', 200, true, 'OK'],
      ['data', 'one'],
      ['data', 'two'],
      ['complete', 0],
    ])
  })

  test('behind undici’s own interceptors work the same', async () => {
    const server = await http((req, res) => {
      if (req.url === '/from') res.writeHead(302, { location: 'http://orders.mesh/to' }).end()
      else res.end(req.url)
    })
    const h = mesh({ endpoints: [server.address] })
    const composed = h.dispatcher.compose(interceptors.redirect({ maxRedirections: 3 }), interceptors.dump())
    const res = await request('http://orders.mesh/from', { dispatcher: composed })
    assert.equal(res.statusCode, 200)
    assert.equal(h.calls.length, 2)
  })
})
