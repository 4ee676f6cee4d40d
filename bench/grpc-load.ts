/**
 * The caller of `grpc-inbound.ts`: a closed loop of unary calls over one connection, as a mesh client sends them, with the
 * time the caller has and a trace, on Node's HTTP/2 alone. A wrong answer, an error or a closed connection ends it with
 * exit code 1. Arguments: port, concurrency, and for mutual TLS the folder of the certificates. As `load.ts` it never sleeps.
 */
import { connect } from 'node:http2'
import { tlsOptions } from './certificates.ts'
import { ANSWER_BYTES, framed, ORDERS, REQUEST_BYTES } from './grpc-service.ts'

const [port = '', concurrency = '16', certificates] = process.argv.slice(2)
const HEADERS = {
  ':method': 'POST',
  ':path': ORDERS.Get.path,
  ':authority': 'orders.mesh',
  'content-type': 'application/grpc',
  te: 'trailers',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'user-agent': 'bench',
  'grpc-timeout': '4995m',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
}
const REQUEST = framed(REQUEST_BYTES)

process.on('disconnect', () => process.exit())

function fail(error: unknown): void {
  process.stderr.write(`load: ${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

const session =
  certificates === undefined
    ? connect(`http://127.0.0.1:${port}`)
    : connect(`https://127.0.0.1:${port}`, { ...tlsOptions(certificates, 'bench'), ALPNProtocols: ['h2'] })
session.on('error', fail)
session.on('close', () => fail('the server closed a connection it should have kept'))

function call(): void {
  const stream = session.request(HEADERS)
  let received = 0
  let status: unknown
  stream.on('error', fail)
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status']
  })
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  stream.on('end', () => {
    if (status !== '0' || received !== 5 + ANSWER_BYTES) fail(`status ${status}, ${received} bytes`)
    call()
  })
  stream.end(REQUEST)
}
for (let i = 0; i < Number(concurrency); i++) call()

const stayAwake = (): void => void setImmediate(stayAwake)
stayAwake()
