import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { Agent, buildConnector } from 'undici'
import { createFetch } from '../../src/http/fetch.ts'
import { Harness, serveTcp } from '../kit/http-harness.ts'

/** Answers no server of Node.js would give, byte by byte; bodies end with the connection or with their length. */
const ANSWERS = [
  ...Array.from({ length: 256 }, (_, byte) => `x-a: b${String.fromCharCode(byte)}c`),
  ...Array.from({ length: 256 }, (_, byte) => `x${String.fromCharCode(byte)}a: b`),
  'x-a:  padded \t ',
  'x-a:\t',
  'x-a:',
  'x-a: folded\r\n  on',
  ': b',
  'x-a',
  'x-a : b',
  'content-length: 1\r\ncontent-length: 1',
  'content-encoding: ',
  'content-encoding: identity',
  'content-encoding: gzip, gzip, gzip, gzip, gzip, gzip',
  'content-encoding: deflate',
  'location: /a',
  'transfer-encoding: chunked',
  'set-cookie: a\r\nset-cookie: b\r\nSet-Cookie:',
].map((header) => `HTTP/1.1 200 Fine\r\n${header}\r\nconnection: close\r\n\r\n{}`)
const STATUS_LINES = [
  'HTTP/1.1 200',
  'HTTP/1.1 200 ',
  'HTTP/1.1 200 ünd',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 199 x',
  'HTTP/1.1 999 x',
  'HTTP/1.1 600 x',
  'HTTP/1.1 20 x',
  'HTTP/1.1 2000 x',
  'nonsense',
].map((line) => `${line}\r\nconnection: close\r\n\r\n{}`)

test('mesh.fetch and the built-in fetch make the same of malformed answers', async () => {
  let answer = ''
  const differing: unknown[] = []
  const server = await serveTcp((socket) => socket.on('data', () => socket.end(answer, 'latin1')))
  const connect = buildConnector({})
  const agent = new Agent({
    connect: (options, callback) =>
      connect({ ...options, hostname: '127.0.0.1', host: '127.0.0.1', port: String(server.port) }, callback),
  })
  const harness = new Harness({ endpoints: [server.address] })
  const lean = createFetch(harness.dispatcher)
  const url = 'http://orders.mesh/'
  try {
    for (answer of [...ANSWERS, ...STATUS_LINES]) {
      const expected = await outcome(fetch(url, { dispatcher: agent } as unknown as RequestInit))
      const actual = await outcome(lean(url))
      if (!isDeepStrictEqual(actual, expected)) differing.push([answer, expected, actual])
    }
    assert.deepEqual(differing, [])
  } finally {
    await agent.destroy()
    await harness.close()
    await server.close()
  }
})

async function outcome(promise: Promise<Response>): Promise<unknown> {
  let res: Response
  try {
    res = await promise
  } catch (error) {
    return error instanceof TypeError
  }
  const head = [res.status, res.statusText, [...res.headers], res.headers.getSetCookie()]
  return [head, await res.text().catch((error: Error) => error.message)]
}
