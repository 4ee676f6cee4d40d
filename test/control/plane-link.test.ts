import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { after, test } from 'node:test'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { HttpsPlaneLink, type PlaneLinkOptions } from '../../src/control/plane-link.ts'
import { isMeshError, MeshError } from '../../src/core/errors.ts'
import type { Identity, TlsMaterial } from '../../src/core/identity.ts'
import { PlaneRefusal } from '../../src/core/plane.ts'
import { readSvid } from '../../src/identity/svid.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { type IssueOptions, TestCa } from '../kit/certificates.ts'
import { delay, within } from '../kit/wait.ts'

const ca = TestCa.create()
const closing: (() => unknown)[] = []
after(() => Promise.all(closing.map((close) => close())))

interface Plane {
  readonly url: string
  readonly requests: IncomingMessage[]
  handle: RequestListener
  readonly connections: () => number
}

const json = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json', etag: '"e1"' }).end(JSON.stringify(value))
}

async function plane(
  issue: IssueOptions = {},
  from = ca,
  extra: readonly Uint8Array[] = [from.root],
): Promise<Plane> {
  const svid = from.issue({ service: 'tulle-plane', ...issue }, extra)
  const requests: IncomingMessage[] = []
  let connections = 0
  const own: { handle: RequestListener } = { handle: (_request, response) => json(response, { ok: true }) }
  const server = createServer(
    {
      key: svid.keyPem,
      cert: svid.chainPem.join(''),
      ca: [from.rootPem],
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      requests.push(request)
      own.handle(request, response)
    },
  )
  server.on('connection', () => connections++)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    return server.close()
  })
  const { port } = server.address() as AddressInfo
  return Object.assign(own, { url: `https://127.0.0.1:${port}`, requests, connections: () => connections })
}

const sha256 = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex')

const tokenOf = (urls: readonly string[], root: Uint8Array, trustDomain = 'test.example'): string => {
  const content = JSON.stringify({ urls, rootSha256: sha256(root), trustDomain, service: 'orders' })
  return `tulle_join_${Buffer.from(content).toString('base64url')}.c2VjcmV0`
}

const verifyPlane = ([leaf]: readonly Uint8Array[], trustDomain: string): MeshError | undefined => {
  const svid = readSvid(leaf!)
  if (isMeshError(svid)) return svid
  if (svid.trustDomain === trustDomain && svid.service === 'tulle-plane') return undefined
  return new MeshError('TULLE_PEER', `${svid.id} is not the plane of ${trustDomain}`)
}

function linkTo(urls: readonly string[], options: Partial<PlaneLinkOptions> = {}) {
  const warnings: string[] = []
  const quiet = () => {}
  const link = new HttpsPlaneLink({
    urls,
    roots: () => [ca.rootPem],
    trustDomain: () => 'test.example',
    verifyPlane,
    clock: systemClock,
    wall: Date.now,
    random: () => 0,
    log: { debug: quiet, info: quiet, error: quiet, warn: (message) => warnings.push(message) },
    ...options,
  })
  closing.push(() => link.close())
  return { link, warnings }
}

const get = { method: 'GET', path: '/v1/info', auth: 'none' } as const
const post = { method: 'POST', path: '/v1/acks', body: {}, auth: 'none' } as const

test('a question is asked over TLS, and the JSON and the etag come back', async () => {
  const there = await plane()
  const { link } = linkTo([there.url])
  const answer = await link.send({ ...get, etag: '"e0"', waitMs: 1500 })
  assert.deepEqual(answer, { status: 200, etag: '"e1"', body: { ok: true } })
  assert.equal(there.requests[0]?.headers['if-none-match'], '"e0"')
  assert.equal(there.requests[0]?.headers.prefer, 'wait=2')
  there.handle = (_request, response) => void response.writeHead(304).end()
  assert.equal((await link.send(get)).status, 304)
})

test('a token alone is enough: its pin finds the root, and only then is the token sent', async () => {
  const there = await plane()
  const { link } = linkTo([there.url], {
    token: tokenOf([there.url], ca.root),
    roots: () => undefined,
    trustDomain: () => undefined,
  })
  await link.send({ ...post, auth: 'token' })
  assert.equal(there.connections(), 2)
  assert.match(there.requests[0]?.headers.authorization ?? '', /^Bearer tulle_join_/)
  await link.send(get)
  assert.equal(there.requests[1]?.headers.authorization, undefined)
})

test('a pin is also found where the leaf has two ways up, during a rotation of roots', async () => {
  const next = TestCa.create()
  const there = await plane({}, next, [next.crossSignedBy(ca), next.root, ca.root])
  for (const root of [ca.root, next.root]) {
    const { link } = linkTo([there.url], { token: tokenOf([there.url], root), roots: () => undefined })
    assert.equal((await link.send({ ...get, auth: 'token' })).status, 200)
  }
})

test('a pin that does not fit names both fingerprints, and no token is sent', async () => {
  const there = await plane()
  const other = TestCa.create()
  const { link } = linkTo([there.url], {
    token: tokenOf([there.url], other.root),
    roots: () => undefined,
  })
  await assert.rejects(link.send({ ...post, auth: 'token' }), (error: MeshError) => {
    assert.equal(error.code, 'TULLE_PLANE')
    assert.ok(error.message.includes(sha256(other.root)))
    assert.ok(error.message.includes(sha256(ca.root)))
    assert.match(error.hint, /token of another plane, or the CA of this plane was replaced/)
    return true
  })
  assert.equal(there.requests.length, 0)
})

test('whoever holds the root of the pin but is not the plane gets no token', async () => {
  const there = await plane({ service: 'orders' })
  const { link } = linkTo([there.url], { token: tokenOf([there.url], ca.root), roots: () => undefined })
  await assert.rejects(link.send({ ...post, auth: 'token' }), {
    code: 'TULLE_PLANE',
    message: /is no plane of this trust domain: .*svc\/orders/,
  })
  assert.equal(there.requests.length, 0)
})

for (const [kind, issue, from, said] of [
  [
    'expired',
    { notBeforeMs: Date.now() - 9e6, notAfterMs: Date.now() - 60_000 },
    ca,
    /has expired, or the clock/,
  ],
  ['not yet valid', { notBeforeMs: Date.now() + 6e5 }, ca, /not valid yet, or the clock/],
  ['of another root', {}, TestCa.create(), /of a root that is not in our trust bundle/],
  ['of another trust domain', { trustDomain: 'other.example' }, ca, /no plane of this trust domain/],
] as const)
  test(`a plane whose certificate is ${kind} is not spoken to`, async () => {
    const there = await plane(issue, from)
    const { link } = linkTo([there.url])
    await assert.rejects(link.send(get), (error: MeshError) => {
      assert.equal(error.code, 'TULLE_PLANE')
      assert.ok(error.message.includes(there.url))
      assert.match(error.message, said)
      return true
    })
    assert.equal(there.requests.length, 0)
  })

test('with an identity our certificate is shown; a newer one makes new connections', async () => {
  const there = await plane()
  const shown: string[] = []
  there.handle = (request, response) => {
    shown.push((request.socket as TLSSocket).getPeerCertificate().serialNumber ?? 'none')
    json(response, {})
  }
  const material = (generation: number): TlsMaterial => {
    const svid = ca.issue()
    const context = createSecureContext({ key: svid.keyPem, cert: svid.chainPem.join(''), ca: [ca.rootPem] })
    return { generation, context, notBeforeMs: 0, notAfterMs: 0 }
  }
  const refusal = new MeshError('TULLE_IDENTITY', 'not yet')
  const listeners = new Set<(change: 'renewed') => void>()
  const identity: Pick<Identity, 'refusal' | 'onChange'> & { current: TlsMaterial | undefined } = {
    current: undefined,
    refusal: () => (identity.current === undefined ? refusal : undefined),
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const { link } = linkTo([there.url], { identity })
  let told = 0
  link.onReachable(() => told++)
  const renewed = () => {
    for (const listener of [...listeners]) listener('renewed')
  }
  for (let n = 0; n < 2; n++) await assert.rejects(link.send({ ...get, auth: 'identity' }), refusal)
  await link.send(get)
  renewed()
  assert.deepEqual([told, listeners.size], [0, 1])
  identity.current = material(1)
  renewed()
  assert.deepEqual([told, listeners.size], [1, 0], 'who was refused is told, once')
  await link.send({ ...get, auth: 'identity' })
  await link.send({ ...get, auth: 'identity' })
  identity.current = material(2)
  await link.send({ ...get, auth: 'identity' })
  assert.equal(shown[0], 'none')
  assert.equal(shown[1], shown[2])
  assert.equal(new Set(shown).size, 3)
})

const badAnswers: readonly (readonly [string, RegExp, RequestListener])[] = [
  [
    'HTML',
    /answered text\/html where JSON was expected/,
    (_, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  ],
  [
    'truncated JSON',
    /answered what is not JSON/,
    (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
  ],
  [
    'bytes that are no text',
    /answered what is not JSON/,
    (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0xff, 0xfe])),
  ],
  ['500', /answered 500: on fire \(boom\)/, (_, r) => json(r, { error: 'boom', message: 'on fire' }, 500)],
  ['302', /answered 302/, (_, r) => void r.writeHead(302, { location: 'https://evil.test/' }).end()],
  [
    '200 MB announced',
    /more than 33554432 bytes/,
    (_, r) =>
      void r.writeHead(200, { 'content-type': 'application/json', 'content-length': '200000000' }).write('['),
  ],
  [
    'a cut body',
    /cannot be reached/,
    (_, r) => {
      r.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('[1,')
      setImmediate(() => r.destroy())
    },
  ],
]
for (const [what, said, handle] of badAnswers)
  test(`FAULTS 26, 27: ${what} is TULLE_PLANE and names the URL`, async () => {
    const there = await plane()
    there.handle = handle
    const { link } = linkTo([there.url])
    await assert.rejects(link.send(get), (error: MeshError) => {
      assert.equal(error.code, 'TULLE_PLANE')
      assert.ok(error.message.includes(there.url), error.message)
      assert.match(error.message, said)
      return true
    })
    there.handle = (_request, response) => json(response, { well: true })
    assert.deepEqual((await link.send(get)).body, { well: true })
  })

test('FAULTS 26: a body without end is cut off at 32 MiB', async () => {
  const there = await plane()
  there.handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const chunk = Buffer.alloc(1024 * 1024, 32)
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }
  const { link } = linkTo([there.url])
  await assert.rejects(within(link.send(get), 20_000, 'the refusal'), /more than 33554432 bytes/)
})

test('FAULTS 27: an answer that hangs or drips is given up after its time', async () => {
  const there = await plane()
  const timers: (() => void)[] = []
  const clock = {
    ...systemClock,
    background: (ms: number, fn: () => void) => {
      if (ms < 3000) return systemClock.background(ms, fn)
      timers.push(fn)
      return () => {}
    },
  }
  const asked = new Promise<void>((resolve) => {
    there.handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{')
      resolve()
    }
  })
  const { link } = linkTo([there.url], { clock })
  const answer = link.send(get)
  await asked
  timers.at(-1)?.()
  await assert.rejects(answer, /no whole answer to \/v1\/info within 4000 ms/)
})

test('a refusal has the status and the words of the plane, on one line', async () => {
  const there = await plane()
  there.handle = (_request, response) =>
    json(response, { error: 'TULLE_TOKEN', message: 'the token is\nrevoked', hint: 'make a new one' }, 401)
  const { link } = linkTo([there.url])
  await assert.rejects(link.send(get), (error: unknown) => {
    assert.ok(error instanceof PlaneRefusal)
    assert.equal(error.status, 401)
    assert.equal(error.code, 'TULLE_PLANE_REFUSED')
    assert.equal(error.message, `the plane at ${there.url} refuses: the token is revoked (TULLE_TOKEN)`)
    assert.equal(error.hint, 'make a new one')
    return true
  })
  there.handle = (_request, response) => void response.writeHead(429).end()
  await assert.rejects(link.send(get), { code: 'TULLE_PLANE_REFUSED', status: 429 })
})

const CLOSED_PORT = 'https://127.0.0.1:1'

test('FAULTS 20: nobody listening, an unknown host and plaintext are told apart', async () => {
  await assert.rejects(
    linkTo([CLOSED_PORT]).link.send(get),
    /127\.0\.0\.1:1 cannot be reached: connection refused/,
  )
  await assert.rejects(
    linkTo(['https://plane.invalid:7400']).link.send(get),
    /the host name (is not known|could not be resolved)/,
  )
  const plain = createPlainServer((_request, response) => response.end())
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  closing.push(() => plain.close())
  const { port } = plain.address() as AddressInfo
  await assert.rejects(linkTo([`https://127.0.0.1:${port}`]).link.send(get), /does not speak TLS/)
})

test('of several planes the one that answers is kept, and the next one is tried where it cannot be reached', async () => {
  const there = await plane()
  const { link } = linkTo([CLOSED_PORT, there.url])
  await link.send(post)
  await link.send(post)
  assert.equal(there.requests.length, 2)
  const everywhere = linkTo([CLOSED_PORT, 'https://127.0.0.1:2']).link
  await assert.rejects(everywhere.send(get), { code: 'TULLE_PLANE' })
})

test('what a plane may have executed is not sent to another one, unless it is a GET', async () => {
  const [broken, well] = [await plane(), await plane()]
  broken.handle = (_request, response) => json(response, { error: 'boom', message: 'on fire' }, 500)
  const { link } = linkTo([broken.url, well.url])
  await assert.rejects(link.send(post), /answered 500/)
  assert.equal(well.requests.length, 0)
  await link.send(post)
  assert.equal(well.requests.length, 1)
  const { link: other } = linkTo([broken.url, well.url])
  await other.send(get)
  assert.equal(well.requests.length, 2)
})

test('a clock that is a minute off is warned of once', async () => {
  const there = await plane()
  const { link, warnings } = linkTo([there.url], { wall: () => Date.now() + 90_000 })
  await link.send(get)
  await link.send(get)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /9\d s ahead of the plane's/)
  assert.ok(Math.abs(link.skewMs! - 90_000) < 5000)
})

test('breaking off rejects with the reason that was given, and closing ends what is under way', async () => {
  const there = await plane()
  const { link } = linkTo([there.url])
  let asked = () => {}
  there.handle = () => asked()
  const arrived = () =>
    new Promise<void>((resolve) => {
      asked = resolve
    })
  const abort = new AbortController()
  const first = arrived()
  const poll = link.send({ ...get, waitMs: 30_000 }, abort.signal)
  await first
  abort.abort(new Error('asked anew'))
  await assert.rejects(poll, /asked anew/)
  const second = arrived()
  const other = link.send({ ...get, waitMs: 30_000 })
  await second
  await Promise.all([assert.rejects(other), link.close()])
  await assert.rejects(link.send(get), { code: 'TULLE_CLOSED' })
})

test('what is no URL of a plane, or no token, is refused at once', () => {
  for (const url of ['http://plane:7400', 'https://plane/x', 'https://u:p@plane', 'plane:7400', ''])
    assert.throws(() => linkTo([url]), { code: 'TULLE_CONFIG' }, url)
  assert.throws(() => linkTo([]), { code: 'TULLE_CONFIG' })
  assert.throws(() => linkTo([CLOSED_PORT], { token: 'tulle_join_x' }), { code: 'TULLE_CONFIG' })
})

test('without token and bundle there is nobody to trust', async () => {
  const there = await plane()
  const { link } = linkTo([there.url], { roots: () => undefined })
  await assert.rejects(link.send(get), {
    code: 'TULLE_CONFIG',
    message: /neither a token nor a trust bundle/,
  })
  assert.equal(there.connections(), 0)
})

test('FAULTS 20: a plane that was gone and is back is noticed within two seconds, without a request', async () => {
  const gone = createTcpServer()
  gone.listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  const { link } = linkTo([`https://127.0.0.1:${port}`])
  const back = new Promise<void>((resolve) => void link.onReachable(resolve))
  await assert.rejects(link.send(get), { code: 'TULLE_PLANE' })
  // Long enough that somebody has looked.
  await delay(900)
  let connections = 0
  const again = createTcpServer((socket) => {
    connections++
    socket.on('error', () => {}).resume()
  })
  again.listen(port, '127.0.0.1')
  closing.push(() => again.close())
  await within(back, 2000, 'the news')
  assert.equal(connections, 1)
})
