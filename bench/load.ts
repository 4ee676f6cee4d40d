/**
 * The callers of `inbound.ts`: a closed loop of requests as a mesh client sends them, with the time the caller has and
 * a trace. A wrong answer, an error or a closed connection ends it with exit code 1. Arguments: port, concurrency,
 * and for mutual TLS the folder of the certificates.
 * Like `server.ts` it does as little as it can and never sleeps, so that the server is the slower side in every arm.
 */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { tlsOptions } from './certificates.ts'

const [port = '', concurrency = '16', certificates] = process.argv.slice(2)
const BODY_BYTES = 1024
const request = Buffer.from(
  [
    'GET /v1/items?page=2 HTTP/1.1',
    'host: bench.mesh',
    'connection: keep-alive',
    'accept: */*',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    'x-envoy-expected-rq-timeout-ms: 5000',
    '\r\n',
  ].join('\r\n'),
)

process.on('disconnect', () => process.exit())

function fail(error: unknown): void {
  process.stderr.write(`load: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

function call(): void {
  const to = { port: Number(port), host: '127.0.0.1', noDelay: true }
  const socket =
    certificates === undefined ? connect(to) : connectTls({ ...to, ...tlsOptions(certificates, 'bench') })
  let expected = 0
  let received = 0
  socket.on(certificates === undefined ? 'connect' : 'secureConnect', () => socket.write(request))
  socket.on('error', fail)
  socket.on('close', () => fail('the server closed a connection it should have kept'))
  socket.on('data', (chunk: Buffer) => {
    if (received === 0) {
      const headEnd = chunk.indexOf('\r\n\r\n')
      if (headEnd === -1 || !chunk.toString('latin1', 0, 13).startsWith('HTTP/1.1 200 '))
        fail(`unexpected answer: ${chunk.toString('latin1', 0, 200)}`)
      expected = headEnd + 4 + BODY_BYTES
    }
    received += chunk.length
    if (received < expected) return
    if (received > expected) fail(`${received} bytes instead of ${expected}`)
    received = 0
    socket.write(request)
  })
}
for (let i = 0; i < Number(concurrency); i++) call()

const stayAwake = (): void => void setImmediate(stayAwake)
stayAwake()
