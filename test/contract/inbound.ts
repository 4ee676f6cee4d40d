import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { MeshError } from '../../src/core/errors.ts'
import { NOTHING_TO_CANCEL } from '../../src/core/hop.ts'
import { refusal } from '../../src/core/outcome.ts'
import { ambientStore } from '../../src/platform/als.ts'
import { type HarnessOptions, type InboundHarness, inboundHarness } from '../kit/inbound-harness.ts'
import { get, rawClient, rawExchange } from '../kit/raw-http.ts'
import { until } from '../kit/wait.ts'

/** What a framework's adapter must be able to do to be tested: serve one handler for every path. */
export interface InboundSubject {
  readonly name: string
  /**
   * Starts a server whose handler for `/items/:id` is `item`, and for everything else `rest`.
   * A rejection of either reaches the framework as its own errors do.
   */
  start(harness: InboundHarness, rest: Handler, item: Handler): Promise<Started>
  /** False where routing comes before the stack: then what is not canonical is refused instead of rewritten. */
  readonly rewrites: boolean
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => unknown

export interface Started {
  readonly port: number
  close(): Promise<void>
}

/** Every way in behaves alike: run against each server and framework adapter. */
export function inboundContract(subject: InboundSubject): void {
  const named = (sentence: string, run: () => Promise<void>): void => {
    test(`${subject.name}: ${sentence}`, run)
  }
  const serving = async (
    options: HarnessOptions,
    rest: Handler,
    run: (port: number, harness: InboundHarness) => Promise<void>,
    item: Handler = rest,
  ): Promise<void> => {
    const harness = inboundHarness(options)
    const started = await subject.start(harness, rest, item)
    try {
      await run(started.port, harness)
      await until(() => harness.inFlight() === 0, { what: 'every call to end', seen: harness.inFlight })
      assert.equal(harness.gate.inFlight, 0)
      for (const { heads, ends } of harness.seen) {
        assert.equal(ends.length, 1, 'end exactly once')
        assert.ok(heads.length <= 1, 'head at most once')
      }
    } finally {
      await started.close()
    }
  }
  const answer =
    (body = 'fine'): Handler =>
    (_req, res) =>
      void res.end(body)

  named('one request is one call with method, path and peer, and ends as a success', () =>
    serving({}, answer(), async (port, { seen }) => {
      const response = await rawExchange(port, get('/a/b?c=//d'))
      assert.equal(response.status, 200)
      assert.match(response.body, /fine/)
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
      assert.equal(seen.length, 1)
      const [{ call, ends }] = seen as [(typeof seen)[0]]
      assert.deepEqual(
        [call.method, call.path, call.peer?.address?.endsWith('127.0.0.1')],
        ['GET', '/a/b', true],
      )
      assert.deepEqual([ends[0]?.class, ends[0]?.code, ends[0]?.committed], ['success', 200, true])
    }),
  )

  named('an application cannot say for us that it has not seen a request', async () => {
    const ways: readonly Handler[] = [
      (_req, res) => {
        res.statusCode = 503
        res.setHeader('X-Tulle-Refused', 'TULLE_DRAINING')
        res.setHeader('x-kept', '1')
        res.end('no')
      },
      (_req, res) => {
        res.writeHead(503, { 'X-Tulle-Refused': 'TULLE_DRAINING', 'x-kept': '1' })
        res.end('no')
      },
      (_req, res) => {
        res.writeHead(503, 'No', ['x-tulle-refused', 'TULLE_DRAINING', 'x-kept', '1'])
        res.end('no')
      },
    ]
    for (const way of ways)
      await serving({}, way, async (port) => {
        const response = await rawExchange(port, get('/'))
        assert.equal(response.status, 503)
        assert.equal(response.body.includes('no'), true)
        assert.equal(response.headers.get('x-kept'), '1')
        assert.equal(response.headers.has('x-tulle-refused'), false)
      })
  })

  named('the handler runs inside the ambient of its request', () => {
    const found: unknown[] = []
    const handler: Handler = async (_req, res) => {
      found.push(ambientStore.get()?.trace?.traceId, ambientStore.get()?.baggage)
      await Promise.resolve()
      found.push(ambientStore.get()?.deadline !== undefined)
      res.end()
    }
    return serving({}, handler, async (port) => {
      const trace = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
      await rawExchange(port, get('/', trace, 'baggage: a=1', 'x-envoy-expected-rq-timeout-ms: 5000'))
      assert.deepEqual(found, ['0af7651916cd43dd8448eb211c80319c', 'a=1', true])
    })
  })

  named('req.mesh tells the peer, the remaining time and the attempts before', () => {
    let told: unknown[] = []
    const handler: Handler = (req, res) => {
      const { mesh } = req
      const left = mesh?.remainingMs() ?? 0
      told = [
        mesh?.peer.address !== undefined,
        left > 0 && left <= 5000,
        mesh?.previousAttempts,
        mesh?.signal.aborted,
      ]
      res.end()
    }
    return serving({}, handler, async (port) => {
      await rawExchange(
        port,
        get('/', 'x-envoy-expected-rq-timeout-ms: 5000', 'x-tulle-previous-attempts: 2'),
      )
      assert.deepEqual(told, [true, true, 2, false])
    })
  })

  named(
    'what claims an identity or speaks for the mesh never reaches the handler, whatever Connection says',
    () => {
      let names: string[] = []
      const handler: Handler = (req, res) => {
        names = [
          ...Object.keys(req.headers),
          ...req.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()),
          ...Object.keys(req.headersDistinct),
        ]
        res.end()
      }
      return serving({}, handler, async (port, { seen }) => {
        const response = await rawExchange(
          port,
          get(
            '/',
            'X-Forwarded-Client-Cert: By=spiffe://evil',
            'x-forwarded-client-cert: twice',
            'Client-Cert: :AAAA:',
            'client-cert-chain: :AAAA:',
            'X-Tulle-Refused: TULLE_DRAINING',
            'x-tulle-previous-attempts: 1',
            'x-ours: stays',
            'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
            'Connection: x-tulle-previous-attempts, traceparent',
          ),
        )
        assert.equal(response.status, 200)
        assert.deepEqual(
          names.filter((name) => /^x-tulle|client-cert/.test(name)),
          [],
        )
        assert.equal(names.filter((name) => name === 'x-ours').length, 3)
        assert.notEqual(seen[0]?.call.ambient.trace, undefined)
      })
    },
  )

  named('a throw before the head becomes a 500 that says nothing of its cause', () => {
    const handler: Handler = () => {
      throw new Error('secret 42')
    }
    return serving({}, handler, async (port, { seen }) => {
      const response = await rawExchange(port, get('/'))
      assert.equal(response.status, 500)
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
      assert.deepEqual([seen[0]?.ends[0]?.class, seen[0]?.ends[0]?.code], ['failure', 500])
    })
  })

  named('a rejection is a 500 as well and never an unhandled one', () => {
    const handler: Handler = async () => {
      await Promise.resolve()
      throw new Error('secret 42')
    }
    return serving({}, handler, async (port, { seen }) => {
      assert.equal((await rawExchange(port, get('/'))).status, 500)
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
    })
  })

  named('a handler that never answers releases its call with 504 when the caller has given up', () => {
    let late: (() => void) | undefined
    const handler: Handler = (req, res) => {
      req.mesh?.signal.addEventListener('abort', () => {
        late = () => {
          res.setHeader('x-late', '1')
          res.write('late')
          res.end('more')
        }
      })
    }
    return serving({}, handler, async (port, { seen }) => {
      const response = await rawExchange(port, get('/', 'x-envoy-expected-rq-timeout-ms: 40'))
      assert.equal(response.status, 504)
      assert.match(response.body, /TULLE_DEADLINE/)
      assert.deepEqual([seen[0]?.ends[0]?.class, seen[0]?.ends[0]?.condition], ['failure', 'deadline'])
      await until(() => late, { what: 'the abort of the signal' })
      late?.()
    })
  })

  named('a caller that goes away before the head aborts the signal and ends the call as ignored', () => {
    let reason: unknown
    let reached = false
    const handler: Handler = (req) => {
      reached = true
      req.mesh?.signal.addEventListener('abort', () => {
        reason = req.mesh?.signal.reason
      })
    }
    return serving({}, handler, async (port, { seen }) => {
      const client = await rawClient(port)
      client.send('GET / HTTP/1.1\r\nhost: web\r\n\r\n')
      await until(() => reached, { what: 'the handler' })
      client.socket.destroy()
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
      assert.equal(seen[0]?.ends[0]?.class, 'ignored')
      assert.equal((reason as Error).name, 'AbortError')
      assert.equal(seen[0]?.call.ambient.scope?.cancelled, true)
    })
  })

  named(
    'a caller that goes away in the middle of the body ends the call once, as ignored and committed',
    () => {
      const handler: Handler = (_req, res) => void res.write('the first half')
      return serving({}, handler, async (port, { seen }) => {
        const client = await rawClient(port)
        client.send('GET / HTTP/1.1\r\nhost: web\r\n\r\n')
        await client.receives('the first half')
        client.socket.destroy()
        await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
        assert.deepEqual([seen[0]?.ends[0]?.class, seen[0]?.ends[0]?.committed], ['ignored', true])
      })
    },
  )

  named('a caller that goes away while a layer holds the call never reaches the handler', () => {
    let handled = 0
    let release: (() => void) | undefined
    const layer: HarnessOptions['layer'] = (next) => (call, observer) => {
      let gone = false
      release = () => {
        if (!gone) next(call, observer)
      }
      return () => {
        gone = true
        observer.end({ class: 'ignored', committed: false, unsent: true })
      }
    }
    const handler: Handler = (_req, res) => {
      handled++
      res.end()
    }
    return serving({ layer }, handler, async (port, { seen }) => {
      const client = await rawClient(port)
      client.send('GET / HTTP/1.1\r\nhost: web\r\n\r\n')
      await until(() => release, { what: 'the layer' })
      client.socket.destroy()
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
      release?.()
      assert.equal(handled, 0)
    })
  })

  named(
    'a refusal of a layer is answered with its status, code, layer and hint, and the handler never runs',
    () => {
      let handled = 0
      const layer: HarnessOptions['layer'] = () => (_call, observer) => {
        observer.end(
          refusal(
            new MeshError('TULLE_OVERLOADED', 'too much', { layer: 'limit', cause: new Error('secret') }),
          ),
        )
        return NOTHING_TO_CANCEL
      }
      return serving(
        { layer },
        () => void handled++,
        async (port) => {
          const response = await rawExchange(port, get('/'))
          assert.equal(response.status, 503)
          assert.equal(response.headers.get('x-tulle-refused'), 'TULLE_OVERLOADED')
          assert.equal(response.headers.get('retry-after'), '1')
          const body = JSON.parse(response.body)
          assert.deepEqual([body.code, body.layer, body.message], ['TULLE_OVERLOADED', 'limit', 'too much'])
          assert.ok(!response.text.includes('secret'))
          assert.equal(handled, 0)
        },
      )
    },
  )

  named('the route pattern is known at the end', () =>
    serving({}, answer(), async (port, { seen }) => {
      await rawExchange(port, get('/items/17'))
      await until(() => seen[0]?.ends.length === 1, { what: 'the end' })
      const { pattern } = seen[0]?.call ?? {}
      if (subject.name.startsWith('http')) assert.equal(pattern, undefined)
      else assert.equal(pattern, '/items/:id')
    }),
  )

  named('an ambiguous request is refused before any call is made', () =>
    serving({}, answer(), async (port, { seen, requests }) => {
      for (const target of ['/a#b', 'http://evil/admin', '/%00', '/%%32e', '*']) {
        const response = await rawExchange(port, get(target))
        assert.equal(response.status, 400, target)
        // A router in front of the stack refuses some of them itself.
        if (subject.rewrites) assert.match(response.body, /TULLE_BAD_REQUEST/)
      }
      assert.equal(seen.length, 0)
      assert.ok(requests.length === 5 || !subject.rewrites)
    }),
  )

  named('a path with several spellings reaches handler and judge as one, or not at all', () => {
    let url: string | undefined
    const handler: Handler = (req, res) => {
      url = req.url
      res.end()
    }
    return serving({}, handler, async (port, { seen }) => {
      const response = await rawExchange(port, get('//a/./b/../%63?x=//y/../z'))
      if (subject.rewrites) {
        assert.deepEqual([url, seen[0]?.call.path], ['/a/c?x=//y/../z', '/a/c'])
      } else {
        assert.deepEqual([response.status, url, seen.length], [400, undefined, 0])
      }
    })
  })
}
