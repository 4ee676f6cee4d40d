import { createSecureServer, createServer, type ServerHttp2Stream } from 'node:http2'
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import { serve } from '../../src/grpc/index.ts'
import { tlsOptions } from '../certificates.ts'
import { ANSWER_BYTES, framed, ORDERS } from '../grpc-service.ts'
import type { UpstreamSettings } from '../messages.ts'
import { servingMesh } from './http.ts'
import type { Listen, Tally } from './main.ts'
import { portOf } from './socket.ts'

const HEAD = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
}
const TRAILERS = { 'grpc-status': '0', 'grpc-message': 'OK' }
const ANSWER = framed(ANSWER_BYTES)

/** gRPC on Node's HTTP/2 alone, so that the client is the slower side in every arm. */
export const listenHttp2: Listen = async ({ certificates }, tally) => {
  const server =
    certificates === undefined
      ? createServer()
      : createSecureServer({
          ...tlsOptions(certificates, 'orders'),
          ALPNProtocols: ['h2'],
          requestCert: true,
        })
  server.on('stream', (stream: ServerHttp2Stream) => {
    tally.requests++
    stream.on('error', () => {})
    stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS))
    stream.resume()
    stream.once('end', () => {
      stream.respond(HEAD, { waitForTrailers: true })
      stream.end(ANSWER)
    })
  })
  server.on('session', (session) => {
    tally.connections++
    session.on('error', () => {})
  })
  return [await portOf(server)]
}

function application(tally: Tally): Server {
  const answer = Buffer.alloc(ANSWER_BYTES, 'x')
  const server = new Server()
  server.addService(ORDERS, {
    Get: (_call: unknown, done: sendUnaryData<Buffer>) => {
      tally.requests++
      done(null, answer)
    },
    List: (_call: unknown) => {},
  })
  return server
}

export const listenGrpc: Listen = (settings, tally) =>
  new Promise((resolve, reject) => {
    application(tally).bindAsync('127.0.0.1:0', credentialsOf(settings), (error, port) =>
      error === null ? resolve([port]) : reject(error),
    )
  })

function credentialsOf({ certificates }: UpstreamSettings): ServerCredentials {
  if (certificates === undefined) return ServerCredentials.createInsecure()
  const { ca, key, cert } = tlsOptions(certificates, 'orders')
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }
  return ServerCredentials.createSsl(Buffer.from(ca), [pair], true)
}

export const listenGrpcMesh: Listen = async (settings, tally) => {
  const mesh = await servingMesh(settings)
  return [(await serve(mesh, application(tally), { host: '127.0.0.1' })).port]
}
