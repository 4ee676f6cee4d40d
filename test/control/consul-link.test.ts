import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect, promisify } from 'node:util'
import { HttpConsulLink } from '../../src/control/consul-link.ts'
import { ConsulRefusal, type ConsulRequest } from '../../src/core/consul.ts'
import { MeshError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { until, within } from '../kit/wait.ts'

const closing: (() => unknown)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
})

const folder = mkdtempSync(join(tmpdir(), 'tulle-link-'))
closing.push(() => rmSync(folder, { recursive: true, force: true }))

interface Scripted {
  readonly address: string
  readonly requests: IncomingMessage[]
  readonly sockets: Set<Socket>
  accepted: number
  handle: RequestListener
}

const json = (response: ServerResponse, value: unknown, headers = {}, status = 200): void => {
  const all = { 'content-type': 'application/json', 'x-consul-index': '7', ...headers }
  response.writeHead(status, all).end(JSON.stringify(value))
}

/** What answers as a Consul agent would, until told otherwise. */
async function scripted(path?: string): Promise<Scripted> {
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    requests.push(request)
    own.handle(request, response)
  })
  server.on('connection', (socket) => {
    own.accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
  await once(server, 'listening')
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const address =
    path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${path}`
  const own: Scripted = {
    address,
    requests,
    sockets,
    accepted: 0,
    handle: (_request, response) => json(response, []),
  }
  return own
}

/** Answers every connection with these bytes, whatever is asked. */
async function raw(answer: (socket: Socket, connection: number) => void): Promise<string> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    answer(socket, connections++)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Options = Partial<ConstructorParameters<typeof HttpConsulLink>[0]>

function linkTo(address: string, options: Options = {}) {
  const said: string[] = []
  const say = (message: string, fields?: object) => void said.push(`${message} ${inspect(fields)}`)
  const link = new HttpConsulLink({
    address,
    clock: systemClock,
    random: () => 0,
    log: { debug: say, info: say, warn: say, error: say },
    ...options,
  })
  closing.push(() => link.close())
  return { link, said }
}

const get: ConsulRequest = { method: 'GET', path: '/v1/health/service/orders' }
const watch: ConsulRequest = { ...get, index: 7, waitMs: 55_000 }

async function failure(promise: Promise<unknown>): Promise<MeshError> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MeshError, inspect(error))
  return error
}

test('a question carries index, wait, stale, namespace and partition, and the answer its facts', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address, {
    namespace: 'team a',
    partition: 'p1',
    auth: 'me:secret',
    token: 't-1',
  })
  agent.handle = (_request, response) =>
    json(response, [{ a: 1 }], {
      'x-consul-knownleader': 'true',
      'x-consul-results-filtered-by-acls': 'true',
    })
  const answer = await link.send({ ...watch, query: { filter: 'a == "b"', dc: undefined, passing: '' } })
  assert.deepEqual(answer.body, [{ a: 1 }])
  assert.deepEqual([answer.status, answer.index, answer.filtered, answer.knownLeader], [200, 7, true, true])
  const asked = agent.requests[0]
  assert.equal(
    asked?.url,
    '/v1/health/service/orders?ns=team%20a&partition=p1&filter=a%20%3D%3D%20%22b%22&passing&index=7&wait=55000ms&stale',
  )
  assert.equal(asked?.headers['x-consul-token'], 't-1')
  assert.equal(asked?.headers.authorization, `Basic ${btoa('me:secret')}`)
  await link.send({ ...get, consistency: 'default', query: { ns: 'other' } })
  assert.equal(agent.requests[1]?.url, '/v1/health/service/orders?partition=p1&ns=other')
})

test('a wait without an index, or an index without a wait, is no blocking query: Consul would wait for minutes', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  await link.send({ ...get, waitMs: 55_000 })
  await link.send({ ...get, index: 7 })
  await link.send({ ...get, index: 7, waitMs: 0 })
  await link.send({ ...get, index: 0, waitMs: 55_000 })
  for (const { url } of agent.requests) assert.equal(url, '/v1/health/service/orders?stale')
})

test('what is written is sent as JSON or as bytes, and an empty answer is one', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  const bodies: string[] = []
  agent.handle = async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    bodies.push(body)
    response.end()
  }
  const put = { method: 'PUT', path: '/v1/agent/service/register' } as const
  assert.equal((await link.send({ ...put, body: { Name: 'é' } })).body, undefined)
  await link.send({ ...put, body: Buffer.from('raw') })
  await link.send(put)
  assert.deepEqual(bodies, ['{"Name":"é"}', 'raw', ''])
  assert.equal(agent.requests[0]?.url, '/v1/agent/service/register')
  assert.match((await failure(link.send(get))).message, /what is not JSON/)
})

test('what is not there is an answer where it may be absent, and bytes come as they are', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  agent.handle = (_request, response) => json(response, 'Config entry not found', {}, 404)
  const first = await link.send({ ...get, mayBeAbsent: true })
  assert.deepEqual([first.status, first.body, first.index], [404, undefined, 7])
  agent.handle = (_request, response) => response.writeHead(404).end()
  const second = await link.send({ ...get, mayBeAbsent: true })
  assert.equal(second.digest, first.digest)
  assert.equal(((await failure(link.send(get))) as ConsulRefusal).status, 404)
  agent.handle = (_request, response) => response.writeHead(404).end('<html>nginx</html>')
  assert.match((await failure(link.send({ ...get, mayBeAbsent: true }))).message, /404 with HTML/)
  agent.handle = (_request, response) => response.end(Buffer.from([0, 255, 10]))
  const { body } = await link.send({ ...get, expects: 'bytes' })
  assert.deepEqual(Buffer.from(body as Uint8Array), Buffer.from([0, 255, 10]))
})

test('FAULTS 22: an index that is none is not taken for one', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  for (const index of ['0', '-1', 'abc', '', '1e3', '0x10', '1.5', '99999999999999999999', 'NaN']) {
    agent.handle = (_request, response) => json(response, [], { 'x-consul-index': index })
    assert.equal((await link.send(get)).index, undefined, index)
  }
  agent.handle = (_request, response) => json(response, [], { 'x-consul-index': ['5', '6'] })
  assert.equal((await link.send(get)).index, undefined)
})

test('an agent that is not there is named with its address, the cause and what to do', async () => {
  const agent = await scripted()
  const port = Number(new URL(agent.address).port)
  const nobody = createTcpServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const free = (nobody.address() as AddressInfo).port
  await new Promise((resolve) => nobody.close(resolve))
  const cases: readonly [string, Options, RegExp, RegExp][] = [
    [
      `127.0.0.1:${free}`,
      {},
      new RegExp(`http://127.0.0.1:${free} cannot be reached: connection refused`),
      /running/,
    ],
    [
      `unix://${folder}/nope.sock`,
      {},
      /unix:\/\/.*nope\.sock cannot be reached: there is no such socket/,
      /addresses\.http/,
    ],
    [
      `https://127.0.0.1:${port}`,
      {},
      /it does not speak TLS|reset|closed/,
      /HTTPS port|HTTPS on this port|CONSUL/,
    ],
    [
      'http://no-such-host.invalid:8500',
      {},
      /no-such-host\.invalid:8500 cannot be reached: the host name/,
      /CONSUL_HTTP_ADDR/,
    ],
  ]
  for (const [address, options, message, hint] of cases) {
    const error = await failure(linkTo(address, options).link.send(get))
    assert.equal(error.code, 'TULLE_CONSUL')
    assert.match(error.message, message)
    assert.match(error.hint, hint)
  }
})

test('a refusal has status, words and the ACL rule that is missing', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  const cases: readonly [number, string, ConsulRequest, RegExp][] = [
    [403, 'Permission denied', get, /needs: service "orders" \{ policy = "read" \} and node_prefix/],
    [
      403,
      'Permission denied',
      { method: 'GET', path: '/v1/agent/connect/ca/leaf/web' },
      /service "web" \{ policy = "write" \}/,
    ],
    [
      403,
      'Permission denied',
      { method: 'PUT', path: '/v1/kv/tulle/mesh.yaml' },
      /key "tulle\/mesh\.yaml" \{ policy = "write" \}/,
    ],
    [403, 'ACL not found', get, /does not know this ACL token/],
    [429, 'Too many', get, /limits what is asked of it/],
    [500, 'No cluster leader', get, /have no leader/],
    [
      400,
      'Invalid query parameter: "ns" - Namespaces are a Consul Enterprise feature',
      get,
      /CONSUL_NAMESPACE/,
    ],
  ]
  for (const [status, words, request, hint] of cases) {
    agent.handle = (_request, response) =>
      response.writeHead(status, { 'x-consul-index': '1' }).end(`${words}\nmore`)
    const error = await failure(link.send(request))
    assert.ok(error instanceof ConsulRefusal)
    assert.equal(error.status, status)
    assert.equal(error.words, `${words} more`)
    assert.ok(
      error.message.includes(
        `${agent.address} (${request.method} ${request.path}) refused with ${status}: ${words}`,
      ),
    )
    assert.match(error.hint, hint)
  }
  agent.handle = (_request, response) => response.writeHead(502).end('<html><body>nginx')
  assert.match((await failure(link.send(get))).message, /answered 502 with HTML/)
})

test('the words of a refusal are cut, and what never ends is left', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  agent.handle = (_request, response) => {
    response.writeHead(500)
    const more = (): void => {
      while (response.writable && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  }
  const error = await within(failure(link.send(get)), 2000, 'the refusal')
  assert.ok((error as ConsulRefusal).words.length <= 300)
  await until(() => agent.sockets.size === 0, { what: 'the end of the connection' })
})

test('FAULTS 26: HTML, half a document, compression, wrong types and headers without end are TULLE_CONSUL', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  const answers: readonly [RequestListener, RegExp][] = [
    [(_q, response) => response.end('<!doctype html><p>Welcome'), /what is not JSON/],
    [(_q, response) => response.end('[{"Node":'), /what is not JSON/],
    [(_q, response) => response.end('[1,2'), /the list breaks off/],
    [(_q, response) => response.end(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])), /not UTF-8/],
    [
      (_q, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('xx'),
      /content-encoding gzip/,
    ],
    [
      (_q, response) =>
        response.writeHead(200, { 'content-length': 100 }).write('[1]', () => response.destroy()),
      /before the answer was whole|reset/,
    ],
    [
      (_q, response) => response.writeHead(200, { 'x-long': 'x'.repeat(70_000) }).end('[]'),
      /cannot be reached/,
    ],
    [
      (_q, response) => response.writeHead(301, { location: 'http://127.0.0.1:1/' }).end(),
      /refused with 301/,
    ],
    [(_q, response) => response.writeHead(204).end(), /refused with 204/],
  ]
  for (const [handle, message] of answers) {
    agent.handle = handle
    const error = await failure(link.send(get))
    assert.equal(error.code, 'TULLE_CONSUL')
    assert.match(error.message, message)
  }
  agent.handle = (_request, response) => json(response, [{ a: 1 }, { a: 'x' }])
  const eachItem = (item: unknown): unknown => {
    if (typeof (item as { a: unknown }).a !== 'number') throw new RangeError('a is no number')
    return item
  }
  const error = await failure(link.send({ ...get, eachItem }))
  assert.equal(error.code, 'TULLE_CONSUL')
  assert.match(error.message, /answered what it should not: a is no number/)
  const notHttp = await raw((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
  assert.match((await failure(linkTo(notHttp).link.send(get))).message, /does not speak HTTP/)
})

test('FAULTS 26: 200 MB are left after 64, and memory does not keep them', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  let sent = 0
  agent.handle = (_request, response) => {
    const item = Buffer.from(`["${'x'.repeat(1024 * 1024)}`)
    const more = (): void => {
      while (sent < 200 * 1024 * 1024 && response.writable) {
        sent += item.length
        if (!response.write(item)) return
      }
    }
    response.on('drain', more)
    more()
  }
  const error = await within(failure(link.send(get)), 20_000, 'the end of it')
  assert.match(error.message, /more than \d+ bytes/)
  assert.ok(sent < 100 * 1024 * 1024, `${sent}`)
})

test('FAULTS 27: an answer that drips or never comes ends in time, and its connection with it', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  agent.handle = (_request, response) => {
    const timer = setInterval(() => response.write(' '), 100)
    response.on('close', () => clearInterval(timer))
  }
  const started = performance.now()
  const error = await failure(link.send({ ...watch, waitMs: 100 }))
  assert.match(error.message, /\(GET \/v1\/health\/service\/orders\) gave no whole answer within 4 s/)
  assert.ok(performance.now() - started < 5000)
  await until(() => agent.sockets.size === 0, { what: 'the end of the connection' })
})

test('whoever gives a blocking query up frees its connection at once', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  agent.handle = () => {}
  const controller = new AbortController()
  const sent = link.send(watch, controller.signal)
  await until(() => agent.requests.length === 1, { what: 'the query' })
  controller.abort(new Error('enough'))
  await assert.rejects(sent, /enough/)
  await until(() => agent.sockets.size === 0, { what: 'the end of the connection', withinMs: 500 })
  await assert.rejects(link.send(watch, AbortSignal.abort(new Error('before'))), /before/)
})

test('a short question never waits behind blocking queries, of which 111 are open at most', async () => {
  const agent = await scripted()
  const { link, said } = linkTo(agent.address)
  agent.handle = (request, response) => {
    if (!request.url?.includes('index=')) json(response, [])
  }
  const controller = new AbortController()
  const ends = Array.from({ length: 115 }, () => link.send(watch, controller.signal).catch(() => {}))
  await until(() => agent.requests.length === 111, { what: '111 queries' })
  const started = performance.now()
  await Promise.all(Array.from({ length: 40 }, () => link.send(get)))
  assert.ok(performance.now() - started < 2000)
  assert.ok(agent.accepted <= 128, `${agent.accepted} connections`)
  assert.equal(said.length, 1)
  assert.match(said[0]!, /111 blocking queries .* asked every 5 s instead/)
  controller.abort()
  await Promise.all(ends)
})

test('SECURITY 30: an answer nobody asked for is not the next one’s', async () => {
  const answer = (body: string): string =>
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-consul-index: 3\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  let poisoned = 0
  const address = await raw((socket) => {
    socket.on('data', (chunk) => {
      const path = /^GET (\S+)/.exec(String(chunk))?.[1]
      socket.write(answer(JSON.stringify([path])))
      setTimeout(() => socket.write(answer('["poison"]'), () => poisoned++), 5)
    })
  })
  const { link } = linkTo(address)
  let answered = 0
  for (let n = 0; n < 20; n++) {
    // A connection that was poisoned may end with an error: that is no wrong answer.
    const answer = await link.send({ ...get, path: `/v1/kv/${n}` }).catch(() => undefined)
    if (answer === undefined) continue
    answered++
    assert.deepEqual(answer.body, [`/v1/kv/${n}?stale`])
    await until(() => poisoned === answered, { what: 'the answer nobody asked for' })
  }
  assert.ok(answered >= 10, `${answered} of 20 were answered`)
})

test('a token is in no error, log or cause, even where the agent repeats it', async () => {
  const agent = await scripted()
  const token = 'b1gs33cret-token'
  const { link, said } = linkTo(agent.address, { token, auth: `me:${token}` })
  agent.handle = (request, response) =>
    response.writeHead(403).end(`token ${request.headers['x-consul-token']} does not exist: ACL not found`)
  const error = await failure(link.send(get))
  const shown =
    inspect([error, error.cause, said, link], { depth: 9, showHidden: true }) + JSON.stringify(error)
  assert.equal(shown.includes(token), false)
  assert.throws(
    () => linkTo(`me:${token}@host:1`),
    (mistake: Error) => !inspect(mistake).includes(token),
  )
  assert.throws(
    () => linkTo(`http://me:${token}@host:1`),
    (mistake: Error) => !inspect(mistake).includes(token),
  )
})

test('FAULTS 25: a token file is read again when it has changed; a lost one changes nothing and is said once', async () => {
  const agent = await scripted()
  const tokenFile = join(folder, 'token')
  const { link, said } = linkTo(agent.address, { tokenFile, token: 'ignored' })
  const missing = await failure(link.send(get))
  assert.match(missing.message, /the ACL token file .*token cannot be read: there is none/)
  assert.equal(agent.requests.length, 0, 'without its token nothing is asked')
  let told = 0
  link.onReachable(() => told++)
  writeFileSync(tokenFile, 'token-1\n')
  await until(() => told === 1, { what: 'the word that there is a token' })
  await link.send(get)
  assert.equal(agent.requests.at(-1)?.headers['x-consul-token'], 'token-1')
  agent.handle = (request, response) => {
    if (request.headers['x-consul-token'] === 'token-1')
      response.writeHead(403, { 'x-consul-index': '1' }).end('ACL not found')
    else json(response, ['new'])
  }
  await failure(link.send(get))
  writeFileSync(tokenFile, 'token-2')
  await until(() => told === 2, { what: 'the word of the new token' })
  assert.deepEqual((await link.send(get)).body, ['new'])
  for (const content of ['', 'two words']) {
    const before = said.length
    writeFileSync(tokenFile, content)
    await until(() => said.length > before, { what: 'the word of the lost token' })
    assert.equal((await link.send(get)).status, 200)
    assert.equal(agent.requests.at(-1)?.headers['x-consul-token'], 'token-2')
  }
  assert.equal(inspect(said).includes('token-2'), false)
})

test('a blocking query that was sent with an older token is sent once more with the new one', async () => {
  const agent = await scripted()
  const tokenFile = join(folder, 'rotated')
  writeFileSync(tokenFile, 'old')
  const { link } = linkTo(agent.address, { tokenFile })
  agent.handle = (request, response) => {
    if (request.headers['x-consul-token'] === 'new') json(response, ['there'])
  }
  const sent = link.send(watch)
  await until(() => agent.requests.length === 1, { what: 'the query' })
  writeFileSync(tokenFile, 'new')
  assert.deepEqual((await within(sent, 4000, 'the answer to the new token')).body, ['there'])
  assert.match(agent.requests[1]?.url ?? '', /index=7&wait=5\d{4}ms/)
})

test('FAULTS 20: who backs off is told within two seconds that the agent is back and has a leader', async () => {
  const path = join(folder, 'agent.sock')
  const { link } = linkTo(`unix://${path}`)
  let told = 0
  link.onReachable(() => told++)
  await failure(link.send(get))
  const agent = await scripted(path)
  agent.handle = (_request, response) => json(response, '')
  await until(() => agent.requests.length >= 2, { what: 'two looks at an agent without a leader' })
  assert.equal(told, 0, 'an agent without a leader is of no use')
  agent.handle = (_request, response) => json(response, '127.0.0.1:8300')
  const started = performance.now()
  await until(() => told === 1, { what: 'the word that it is back' })
  assert.ok(performance.now() - started < 2000)
  assert.ok(agent.requests.length < 12, 'it is asked lightly')
  await link.send(get)
})

test('a link that was closed answers nothing, ends what was on its way, and leaves no connection', async () => {
  const agent = await scripted()
  const { link } = linkTo(agent.address)
  await link.send(get)
  agent.handle = () => {}
  const both = [failure(link.send(watch)), failure(link.send(get))]
  await until(() => agent.requests.length === 3, { what: 'both' })
  await link.close()
  await link.close()
  for (const error of await Promise.all(both)) assert.equal(error.code, 'TULLE_CLOSED')
  assert.equal((await failure(link.send(get))).code, 'TULLE_CLOSED')
  await until(() => agent.sockets.size === 0, { what: 'the end of the connections' })
})

test('a blocking query keeps no process alive, and what somebody waits for does', async () => {
  const agent = await scripted()
  agent.handle = (request, response) => {
    if (!request.url?.includes('index=')) setTimeout(() => json(response, 'done'), 300)
  }
  const source = (name: string): string =>
    JSON.stringify(
      new URL(`../../src/${name}`, import.meta.url).href.replace(
        /\.ts$/,
        import.meta.url.endsWith('.ts') ? '.ts' : '.js',
      ),
    )
  const program = `
    const { HttpConsulLink } = await import(${source('control/consul-link.ts')})
    const { systemClock } = await import(${source('platform/clock.ts')})
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const link = new HttpConsulLink({ address: '${agent.address}', clock: systemClock, random: Math.random, log, tokenFile: '${folder}/alive' })
    void link.send({ method: 'GET', path: '/v1/a', index: 5, waitMs: 55000 })
    void link.send({ method: 'GET', path: '/v1/a' }).then(({ body }) => console.log(body))
  `
  writeFileSync(join(folder, 'alive'), 'token')
  const started = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  assert.equal(stdout, 'done\n')
  assert.ok(performance.now() - started < 10_000)
})
