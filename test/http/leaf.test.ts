import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { type Dispatcher, request, FormData as UndiciFormData } from 'undici'
import { isMeshError, type MeshError } from '../../src/core/errors.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import {
  deadPort,
  Harness,
  type HarnessOptions,
  type Listening,
  serveHttp,
  serveTcp,
} from '../kit/http-harness.ts'
import { delay, until } from '../kit/wait.ts'

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
const tcp = async (onSocket: (socket: Socket) => void): Promise<Listening> => kept(await serveTcp(onSocket))
const get = (h: Harness, path = '/', options: object = {}): Promise<Dispatcher.ResponseData<unknown>> =>
  request(`http://orders.mesh${path}`, { dispatcher: h.dispatcher, ...options })
const failure = (promise: Promise<unknown>): Promise<MeshError> =>
  promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => {
      assert.ok(isMeshError(error), String(error))
      return error
    },
  )
const brief = ({ class: verdict, condition, committed, unsent, phase, code, error }: Outcome): unknown[] => [
  verdict,
  condition,
  committed ? 'committed' : 'free',
  unsent ? 'unsent' : 'perhaps executed',
  phase,
  code,
  error?.code,
]

describe('a call through the leaf', () => {
  test('arrives with its own authority as Host, its path as written, and its headers in any form', async () => {
    const seen: string[] = []
    const server = await http((req, res) => {
      seen.push(`${req.method} ${req.url} ${req.headers.host} ${req.headers['x-a']}`)
      res.end()
    })
    const h = mesh({ endpoints: [server.address], hosts: ['orders.internal:8080'] })
    for (const headers of [
      { 'X-A': '1' },
      ['X-A', '1'],
      new Map([['X-A', '1']]),
      new Headers({ 'x-a': '1' }),
      { 'x-a': ['1', '2'] },
    ]) {
      await (await get(h, '//evil/x?q=%20', { headers })).body.dump()
      await delay(2)
    }
    await (await request('http://orders.internal:8080/', { dispatcher: h.dispatcher })).body.dump()
    await delay(2)
    await (await get(h, '/', { headers: { host: 'other' } })).body.dump()
    assert.deepEqual(seen, [
      ...Array(4).fill('GET //evil/x?q=%20 orders.mesh 1'),
      'GET //evil/x?q=%20 orders.mesh 1, 2',
      'GET / orders.internal:8080 undefined',
      'GET / other undefined',
    ])
    assert.equal(server.connections(), 1)
  })

  test('carries the outbox, in place of what the caller wrote under those names, and the time that is left', async () => {
    const server = await http((req, res) => res.end(JSON.stringify(req.headersDistinct)))
    const h = mesh({ endpoints: [server.address], covers: 'call', deadlineMs: 800, attempts: 1 })
    const res = await get(h, '/', { headers: { 'X-Envoy-Expected-Rq-Timeout-Ms': '99999' } })
    const headers = (await res.body.json()) as Record<string, string[]>
    const [left] = headers['x-envoy-expected-rq-timeout-ms'] as [string]
    assert.equal(headers['x-envoy-expected-rq-timeout-ms']?.length, 1)
    assert.ok(Number(left) > 700 && Number(left) <= 795, left)
  })

  test('says nothing of time where nobody asked for a limit', async () => {
    const server = await http((req, res) => res.end(String(req.headers['x-envoy-expected-rq-timeout-ms'])))
    const h = mesh({ endpoints: [server.address], covers: 'head', deadlineMs: 15_000 })
    assert.equal(await (await get(h)).body.text(), 'undefined')
  })

  test('reports sent, head and end in this order, the end with the bytes delivered', async () => {
    const server = await http((_req, res) => res.end('hello'))
    const h = mesh({ endpoints: [server.address] })
    assert.equal(await (await get(h)).body.text(), 'hello')
    assert.deepEqual(h.last.events, ['sent', 'head', 'end'])
    assert.deepEqual(brief(h.last.head as Outcome), [
      'success',
      undefined,
      'free',
      'perhaps executed',
      'head',
      200,
      undefined,
    ])
    assert.deepEqual(brief(h.last.end as Outcome), [
      'success',
      undefined,
      'committed',
      'perhaps executed',
      'done',
      200,
      undefined,
    ])
  })

  test('answers without a body end at once: HEAD, 204, 304', async () => {
    const server = await http((req, res) => {
      const status = Number(req.url?.slice(1))
      res.writeHead(status, status === 200 ? { 'content-length': 5 } : {})
      res.end()
    })
    const h = mesh({ endpoints: [server.address] })
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const res = await get(h, `/${status}`, { method })
      assert.equal(res.statusCode, status)
      assert.equal(await res.body.text(), '')
      assert.equal(h.last.end?.class, 'success')
    }
  })

  test('brings trailers', async () => {
    const server = await http((_req, res) => {
      res.writeHead(200, { trailer: 'x-sum' })
      res.write('a')
      res.addTrailers({ 'x-sum': '42' })
      res.end()
    })
    const res = await get(mesh({ endpoints: [server.address] }))
    await res.body.text()
    assert.equal(res.trailers['x-sum'], '42')
  })

  test('passes 102 and 103 on and commits to nothing by them', async () => {
    let turn = 0
    const server = await http((_req, res) => {
      res.writeProcessing()
      res.writeEarlyHints({ link: '</a.css>; rel=preload' })
      res.statusCode = turn++ === 0 ? 503 : 200
      res.end('done')
    })
    const h = mesh({ endpoints: [server.address], attempts: 2 })
    const informed: number[] = []
    const res = await get(h, '/', {
      onInfo: ({ statusCode }: { statusCode: number }) => informed.push(statusCode),
    })
    assert.equal(await res.body.text(), 'done')
    assert.deepEqual(informed, [102, 103, 102, 103])
    assert.deepEqual(
      h.reports.map((r) => r.events),
      [
        ['sent', 'head', 'end'],
        ['sent', 'head', 'end'],
      ],
    )
  })
})

describe('what breaks, and how it is told', () => {
  const phases: [string, (socket: Socket) => void, object, unknown[]][] = [
    [
      'after the request, before an answer',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
      {},
      ['failure', 'reset', 'free', 'perhaps executed', 'head', undefined, 'TULLE_RESET'],
    ],
    [
      'in the middle of the head',
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-le')),
      {},
      ['failure', 'reset', 'free', 'perhaps executed', 'head', undefined, 'TULLE_RESET'],
    ],
    [
      'while the request is being written',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
      {
        method: 'POST',
        body: (async function* () {
          for (;;) {
            yield Buffer.alloc(65_536)
            await new Promise((resolve) => setImmediate(resolve))
          }
        })(),
      },
      ['failure', 'reset', 'free', 'perhaps executed', 'send', undefined, 'TULLE_RESET'],
    ],
    [
      'with bytes that are not HTTP',
      (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n')),
      {},
      ['failure', 'reset', 'free', 'perhaps executed', 'head', undefined, 'TULLE_PROTOCOL'],
    ],
    [
      'with a 100 nobody asked for',
      (socket) => socket.once('data', () => socket.write('HTTP/1.1 100 Continue\r\n\r\n')),
      {},
      ['failure', 'reset', 'free', 'perhaps executed', 'head', undefined, 'TULLE_PROTOCOL'],
    ],
  ]
  for (const [name, onSocket, options, expected] of phases) {
    test(name, async () => {
      const server = await tcp(onSocket)
      const h = mesh({ endpoints: [server.address] })
      const error = await failure(get(h, '/', options))
      assert.deepEqual(brief(h.last.end as Outcome), expected)
      assert.equal(error.endpoint, server.address)
      assert.equal(error.policyVersion, '7')
      assert.ok(error.cause instanceof Error)
    })
  }

  test('a body cut at any byte is an error, never the end of the answer', async () => {
    const whole = [
      'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nhello world!',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n world!\r\n0\r\n\r\n',
    ]
    for (const answer of whole) {
      const body = answer.indexOf('\r\n\r\n') + 4
      for (let cut = body; cut < answer.length; cut++) {
        const server = await tcp((socket) => socket.once('data', () => socket.end(answer.slice(0, cut))))
        const h = mesh({ endpoints: [server.address] })
        const res = await get(h)
        const error = await failure(res.body.text())
        assert.equal(error.code, 'TULLE_RESET')
        assert.deepEqual(brief(h.last.end as Outcome), [
          'failure',
          'reset',
          'committed',
          'perhaps executed',
          'body',
          200,
          'TULLE_RESET',
        ])
      }
    }
  })

  test('an answer that only the end of its connection delimits is whole after a close and broken after a reset', async () => {
    for (const [how, code] of [
      ['end', undefined],
      ['resetAndDestroy', 'TULLE_RESET'],
    ] as const) {
      const server = await tcp((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello', () =>
            setTimeout(() => socket[how](), 10),
          )
        }),
      )
      const h = mesh({ endpoints: [server.address] })
      const res = await get(h)
      if (code === undefined) assert.equal(await res.body.text(), 'hello')
      else assert.equal((await failure(res.body.text())).code, code)
      assert.equal(h.last.end?.class, code === undefined ? 'success' : 'failure')
      assert.equal(h.last.end.committed, true)
    }
  })

  test('a refused connection is provably unsent, so even a POST with a stream moves on', async () => {
    let executed = 0
    const server = await http(async (req, res) => {
      executed++
      for await (const chunk of req) res.write(chunk)
      res.end()
    })
    const h = mesh({ endpoints: [await deadPort(), server.address], attempts: 2, replayBytes: 0 })
    async function* body(): AsyncGenerator<string> {
      yield 'one'
      yield 'two'
    }
    const res = await get(h, '/', { method: 'POST', body: body() })
    assert.equal(await res.body.text(), 'onetwo')
    assert.equal(executed, 1)
    assert.deepEqual(brief(h.reports[0]?.end as Outcome), [
      'failure',
      'connect-failure',
      'free',
      'unsent',
      'connect',
      undefined,
      'TULLE_CONNECT',
    ])
  })

  test('a connect that nobody answers ends by the connect timeout', async () => {
    // TEST-NET-1: packets to it go nowhere, or are refused on the spot by machines without a route.
    const h = mesh({ endpoints: ['192.0.2.1:81'], connectTimeoutMs: 50 })
    const error = await failure(get(h))
    assert.ok(['TULLE_CONNECT_TIMEOUT', 'TULLE_CONNECT'].includes(error.code))
    assert.equal(h.last.end?.condition, 'connect-failure')
    assert.equal(h.last.end?.unsent, true)
  })

  test('a reused connection that the peer resets is a reset, and only what may be repeated is repeated', async () => {
    let seen = 0
    const server = await tcp((socket) => {
      let requests = 0
      socket.on('data', () => {
        seen++
        if (requests++ === 0) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        else socket.resetAndDestroy()
      })
    })
    const h = mesh({ endpoints: [server.address], attempts: 2 })
    await (await get(h)).body.text()
    await delay(5)
    assert.equal(await (await get(h)).body.text(), 'ok')
    await delay(5)
    const [, second] = h.reports
    assert.deepEqual(brief(second?.end as Outcome), [
      'failure',
      'reset',
      'free',
      'perhaps executed',
      'head',
      undefined,
      'TULLE_RESET',
    ])
    seen = 0
    const error = await failure(get(h, '/', { method: 'POST', body: 'pay' }))
    assert.equal(error.code, 'TULLE_RESET')
    assert.equal(seen, 1)
  })

  test('a peer that closes idle connections early costs nobody a call', async () => {
    const server = await http(
      (_req, res) => res.end('ok'),
      (s) => {
        s.keepAliveTimeout = 1
      },
    )
    const h = mesh({ endpoints: [server.address], attempts: 3 })
    for (let i = 0; i < 200; i++) {
      await (await get(h)).body.text()
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    assert.ok(h.ends.every(({ class: verdict }) => verdict === 'success'))
  })
})

describe('statuses', () => {
  test('502, 503 and 504 are gateway errors, 500 is not, 4xx is the answer', async () => {
    const server = await http((req, res) => {
      res.statusCode = Number(req.url?.slice(1))
      res.end('x')
    })
    const h = mesh({ endpoints: [server.address] })
    for (const [status, verdict, condition] of [
      [502, 'failure', 'gateway-error'],
      [503, 'failure', 'gateway-error'],
      [504, 'failure', 'gateway-error'],
      [500, 'failure', '5xx'],
      [404, 'success', undefined],
      [429, 'failure', 'rate-limited'],
    ] as const) {
      const res = await get(h, `/${status}`)
      assert.equal(await res.body.text(), 'x', 'the last answer is delivered as it is')
      assert.equal(h.last.end?.class, verdict)
      assert.equal(h.last.end?.condition, condition)
    }
  })

  test('an unwanted answer is drained, its connection kept for the next attempt', async () => {
    let turn = 0
    const server = await http((_req, res) => {
      res.statusCode = turn++ === 0 ? 503 : 200
      res.end('x'.repeat(1000))
    })
    const h = mesh({ endpoints: [server.address], attempts: 2 })
    assert.equal((await (await get(h)).body.text()).length, 1000)
    assert.equal(server.connections(), 1)
    assert.deepEqual(brief(h.reports[0]?.end as Outcome), [
      'failure',
      'gateway-error',
      'free',
      'perhaps executed',
      'done',
      503,
      undefined,
    ])
  })

  test('an unwanted answer that is too long, or does not end, costs its connection and no time', async () => {
    for (const endless of [true, false]) {
      let turn = 0
      // Not counted at the door: undici connects anew for what was cut off, and a call that comes meanwhile does so too.
      const used = new Set<Socket>()
      const server = await http((req, res) => {
        used.add(req.socket)
        if (turn++ > 0) return void res.end('fine')
        res.writeHead(503)
        if (endless) res.write('x')
        else res.end(Buffer.alloc(1_000_000))
      })
      const h = mesh({ endpoints: [server.address], attempts: 2 })
      assert.equal(await (await get(h)).body.text(), 'fine')
      assert.equal(used.size, 2)
      assert.equal(h.reports[0]?.end?.error, undefined)
    }
  })

  test('a draining mesh peer executed nothing: a POST moves on', async () => {
    const draining = await http((_req, res) => {
      res.writeHead(503, { 'x-tulle-refused': 'TULLE_DRAINING' })
      res.end()
    })
    const server = await http((_req, res) => res.end('ok'))
    const h = mesh({ endpoints: [draining.address, server.address], attempts: 2 })
    assert.equal(await (await get(h, '/', { method: 'POST', body: 'x' })).body.text(), 'ok')
    assert.equal(h.reports[0]?.end?.unsent, true)
    assert.equal(h.reports[0]?.end?.condition, 'refused-stream')
  })
})

describe('bodies', () => {
  const echo = async (): Promise<Listening> =>
    http((req, res) => {
      if (req.url === '/form') void parseForm(req).then((fields) => res.end(JSON.stringify(fields)))
      else req.pipe(res)
    })

  test('of every kind arrive whole', async () => {
    const server = await echo()
    const h = mesh({ endpoints: [server.address] })
    const { Readable } = await import('node:stream')
    const bodies: [string, unknown][] = [
      ['string', 'hellö'],
      ['Buffer', Buffer.from('hellö')],
      ['Uint8Array', new TextEncoder().encode('hellö')],
      ['DataView', new DataView(new TextEncoder().encode('hellö').buffer)],
      ['ArrayBuffer', new TextEncoder().encode('hellö').buffer],
      ['Readable', Readable.from(['hel', Buffer.from('lö')])],
      ['ReadableStream', new Blob(['hellö']).stream()],
      ['Blob', new Blob(['hellö'])],
      ['array of chunks', ['hel', Buffer.from('lö')]],
      [
        'generator',
        (function* () {
          yield 'hel'
          yield 'lö'
        })(),
      ],
      [
        'async generator',
        (async function* () {
          yield 'hel'
          yield 'lö'
        })(),
      ],
    ]
    for (const [name, body] of bodies) {
      const res = await get(h, '/', { method: 'POST', body })
      assert.equal(await res.body.text(), 'hellö', name)
    }
    for (const form of [new FormData(), new UndiciFormData()]) {
      form.set('a', 'hellö')
      form.set('b"', new File(['<a>'], 'ö.html', { type: 'text/html' }))
      const res = await get(h, '/form', { method: 'POST', body: form })
      assert.deepEqual(await res.body.json(), {
        a: 'hellö',
        'b"': { name: 'ö.html', type: 'text/html', text: '<a>' },
      })
    }
    for (const body of ['', Buffer.alloc(0), [], null]) {
      const empty = await get(h, '/', { method: 'POST', body })
      assert.equal(await empty.body.text(), '')
    }
  })

  test('are sent again from their beginning while they fit the replay buffer, and not after', async () => {
    let turn = 0
    const server = await http(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      res.statusCode = turn++ === 0 ? 503 : 200
      res.end(Buffer.concat(chunks))
    })
    async function* body(): AsyncGenerator<string> {
      for (let i = 0; i < 10; i++) yield String(i).repeat(10)
    }
    const h = mesh({ endpoints: [server.address], attempts: 2, replayBytes: 100 })
    const res = await get(h, '/', { method: 'PUT', body: body() })
    assert.equal(res.statusCode, 200)
    assert.equal((await res.body.text()).length, 100)
    turn = 0
    const small = mesh({ endpoints: [server.address], attempts: 2, replayBytes: 99 })
    const kept503 = await get(small, '/', { method: 'PUT', body: body() })
    assert.equal(kept503.statusCode, 503)
    assert.equal((await kept503.body.text()).length, 100)
    assert.equal(small.reports.length, 1)
  })

  test("a fault of the caller's body comes back as it is and is nobody's failure", async () => {
    const server = await echo()
    const h = mesh({ endpoints: [server.address], attempts: 3 })
    const boom = new Error('disk on fire')
    async function* body(): AsyncGenerator<string> {
      yield 'x'
      throw boom
    }
    await assert.rejects(get(h, '/', { method: 'PUT', body: body() }), (error) => error === boom)
    assert.equal(h.reports.length, 1)
    assert.equal(h.last.end?.class, 'ignored')
  })

  test('a body shorter or longer than its content-length is the caller’s mistake', async () => {
    const server = await echo()
    for (const length of ['4', '6']) {
      const h = mesh({ endpoints: [server.address], attempts: 3 })
      const body = ['he', 'llo']
      const error = await failure(get(h, '/', { method: 'PUT', headers: { 'content-length': length }, body }))
      assert.equal(error.code, 'TULLE_BAD_CALL')
      assert.equal(h.reports.length, 1)
    }
  })

  test('an early answer is delivered while the body is still being sent', async () => {
    const server = await http((_req, res) => {
      res.writeHead(413)
      res.end('too large')
    })
    const h = mesh({ endpoints: [server.address] })
    let returned = false
    async function* body(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          yield Buffer.alloc(1024)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        returned = true
      }
    }
    const res = await get(h, '/', { method: 'POST', body: body() })
    assert.equal(res.statusCode, 413)
    assert.equal(await res.body.text(), 'too large')
    await until(() => returned, { what: 'the body to be told that nobody reads it' })
  })

  test('an upload waits for a slow reader, a download for a slow caller', async () => {
    let pulled = 0
    let read: (() => void) | undefined
    const server = await http((req, res) => {
      if (req.method === 'GET') return void res.end(Buffer.alloc(20_000_000))
      read = () => void req.resume().on('end', () => res.end('ok'))
    })
    const h = mesh({ endpoints: [server.address], replayBytes: 1000 })
    async function* body(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 400; i++) {
        pulled++
        yield Buffer.alloc(65_536)
      }
    }
    const upload = get(h, '/', { method: 'POST', body: body() })
    await until(() => read !== undefined, { what: 'the request to arrive' })
    await still(() => pulled)
    assert.ok(pulled < 390, `${pulled} chunks were pulled although nobody reads`)
    read?.()
    assert.equal(await (await upload).body.text(), 'ok')
    assert.equal(pulled, 400)
    const res = await get(h)
    await still(() => res.body.readableLength)
    assert.ok(res.body.readableLength < 1_000_000)
    assert.equal((await res.body.arrayBuffer()).byteLength, 20_000_000)
  })
})

/** Resolves once a count has stopped growing: the same at ten looks in a row. */
async function still(count: () => number): Promise<void> {
  let last = -1
  let same = 0
  await until(
    () => {
      const now = count()
      same = now === last ? same + 1 : 0
      last = now
      return same >= 10
    },
    { what: 'the count to stand still' },
  )
}

describe('calling it off', () => {
  test('before the head, in the middle of the body, while the connection is made, while queued for an attempt', async () => {
    let closed = 0
    const server = await http((req, res) => {
      res.on('close', () => closed++)
      if (req.url === '/body') res.write('x')
    })
    const reason = new Error('the user left')
    const h = mesh({ endpoints: [server.address] })
    const controller = new AbortController()
    const waiting = get(h, '/head', { signal: controller.signal })
    await until(() => h.last?.events.includes('sent'), { what: 'the request to be sent' })
    controller.abort(reason)
    await assert.rejects(waiting, (error) => error === reason)
    assert.deepEqual(brief(h.last.end as Outcome), [
      'ignored',
      undefined,
      'free',
      'perhaps executed',
      'head',
      undefined,
      undefined,
    ])

    const body = new AbortController()
    const res = await get(h, '/body', { signal: body.signal })
    body.abort(reason)
    await assert.rejects(res.body.text(), (error) => error === reason)
    assert.deepEqual(brief(h.last.end as Outcome), [
      'ignored',
      undefined,
      'committed',
      'perhaps executed',
      'body',
      undefined,
      undefined,
    ])
    await until(() => closed === 2, { what: 'the server to see both go' })

    const connecting = new AbortController()
    const fresh = mesh({ endpoints: [server.address] })
    const early = get(fresh, '/head', { signal: connecting.signal })
    connecting.abort(reason)
    await assert.rejects(early, (error) => error === reason)
    assert.equal(fresh.last.end?.phase, 'connect')
    assert.equal(
      await (await get(mesh({ endpoints: [(await http((_q, r) => r.end('ok'))).address] }))).body.text(),
      'ok',
    )
  })

  test('a call cancelled in the queue leaves the connection to the next', async () => {
    const server = await http((_req, res) => res.end('ok'))
    const h = mesh({ endpoints: [server.address] })
    const controller = new AbortController()
    const first = get(h, '/', { signal: controller.signal })
    controller.abort()
    await assert.rejects(first)
    assert.equal(await (await get(h)).body.text(), 'ok')
    assert.ok(server.connections() <= 2)
  })

  test('a connection whose call was called off is not used again', async () => {
    const server = await http((req, res) => {
      req.on('error', () => {})
      if (req.url === '/slow') res.write('x')
      else res.end(req.url)
    })
    const h = mesh({ endpoints: [server.address] })
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController()
      const res = await get(h, '/slow', {
        signal: controller.signal,
        method: 'PUT',
        body: Buffer.alloc(2_000_000),
      })
      controller.abort()
      await assert.rejects(res.body.text())
      assert.equal(await (await get(h, `/${i}`)).body.text(), `/${i}`)
    }
  })
})

describe('closing a leaf', () => {
  test('lets its running calls end and then closes its connections', async () => {
    let answer: () => void = () => {}
    const server = await http((_req, res) => {
      res.write('a')
      answer = () => res.end('b')
    })
    const h = new Harness({ endpoints: [server.address] })
    const res = await get(h)
    const closed = h.close()
    answer()
    assert.equal(await res.body.text(), 'ab')
    await closed
    const refused = await failure(get(h))
    assert.equal(refused.code, 'TULLE_CLOSED')
    assert.equal(h.last.end?.unsent, true)
  })
})

test('bytes that come unasked on an idle connection poison no later answer', async () => {
  const sockets: Socket[] = []
  const server = await tcp((socket) => {
    sockets.push(socket)
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  })
  const h = mesh({ endpoints: [server.address], attempts: 2 })
  assert.equal(await (await get(h)).body.text(), 'ok')
  sockets[0]?.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil')
  await until(() => sockets[0]?.destroyed, { what: 'the poisoned connection to be given up' })
  assert.equal(await (await get(h)).body.text(), 'ok')
})

/** The form as the runtime's own parser reads it. */
async function parseForm(req: IncomingMessage): Promise<object> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const headers = { 'content-type': String(req.headers['content-type']) }
  const form = await new Response(Buffer.concat(chunks), { headers }).formData()
  const fields: Record<string, unknown> = {}
  for (const [name, value] of form)
    fields[name] =
      typeof value === 'string' ? value : { name: value.name, type: value.type, text: await value.text() }
  return fields
}
