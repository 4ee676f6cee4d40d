import type { RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { pemOf } from '../../src/identity/pem.ts'
import type { TestCa, TestSvid } from './certificates.ts'
import { type Listening, listening } from './http-harness.ts'

export interface TlsListening extends Listening {
  /** Bytes that came out of TLS: what an application could have seen. */
  readonly delivered: () => number
  /** Handshakes that this side completed. */
  readonly handshakes: () => number
  /** Whether each of them resumed a session. */
  readonly resumed: boolean[]
  /** The names that were asked for, by SNI. */
  readonly names: (string | false)[]
}

export interface TlsServerOptions {
  readonly svid: TestSvid
  /** Whose clients are believed. */
  readonly ca: TestCa
  readonly more?: TlsOptions
}

/** What a server of the mesh listens with. */
export const tlsOptions = ({ svid, ca, more }: TlsServerOptions): TlsOptions => ({
  key: svid.keyPem,
  cert: svid.chainPem.join(''),
  ca: pemOf('CERTIFICATE', ca.root),
  requestCert: true,
  rejectUnauthorized: true,
  ...more,
})

/** A TLS server that gets the bare decrypted socket. */
export async function serveTls(
  options: TlsServerOptions,
  onSocket: (socket: TLSSocket) => void = () => {},
): Promise<TlsListening> {
  const server = createServer(tlsOptions(options), onSocket)
  return watched(server, await listening(server))
}

/** An HTTP server over mutual TLS. */
export async function serveHttps(
  options: TlsServerOptions,
  listener: RequestListener,
): Promise<TlsListening> {
  const server = createHttpsServer(tlsOptions(options), listener)
  return watched(server, await listening(server))
}

function watched(server: ReturnType<typeof createServer>, listens: Listening): TlsListening {
  let delivered = 0
  let handshakes = 0
  const resumed: boolean[] = []
  const names: (string | false)[] = []
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    handshakes++
    resumed.push(socket.isSessionReused())
    names.push(socket.servername ?? false)
    socket.on('error', () => {})
    socket.prependListener('data', (chunk: Buffer) => {
      delivered += chunk.length
    })
  })
  return {
    ...listens,
    delivered: () => delivered,
    handshakes: () => handshakes,
    resumed,
    names,
  }
}
