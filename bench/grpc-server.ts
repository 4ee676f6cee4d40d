/**
 * The upstream of `grpc.ts` and `grpc-memory.ts`: answers of 1 KB, in a process of its own, on Node's HTTP/2 alone, so that
 * the client is the slower side in every arm. Prints its port. Argument: the folder of the certificates, for mutual TLS.
 * As `server.ts` it never sleeps.
 */
import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tlsOptions } from './certificates.ts'
import { ANSWER_BYTES, framed, ORDERS, STREAM_LENGTH } from './grpc-service.ts'

const HEAD = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
}
const TRAILERS = { 'grpc-status': '0', 'grpc-message': 'OK' }
const ANSWER = framed(ANSWER_BYTES)
/** Many at once: one write each would make the stream's upstream the slower side. */
const STREAM = Buffer.concat(Array.from({ length: STREAM_LENGTH }, () => ANSWER))

const [certificates] = process.argv.slice(2)
const server =
  certificates === undefined
    ? createServer()
    : createSecureServer({
        ...tlsOptions(certificates, 'orders'),
        ALPNProtocols: ['h2'],
        requestCert: true,
      })
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  stream.on('error', () => {})
  stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS))
  stream.resume()
  stream.once('end', () => {
    stream.respond(HEAD, { waitForTrailers: true })
    stream.end(headers[':path'] === ORDERS.List.path ? STREAM : ANSWER)
  })
})
server.on('session', (session) => session.on('error', () => {}))
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
const stayAwake = (): void => void setImmediate(stayAwake)
stayAwake()
process.on('disconnect', () => process.exit())
