import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { type ConnectionOptions, connect } from 'node:tls'
import type { Identity, MtlsMode } from '../../src/core/identity.ts'
import type { Runtime } from '../../src/core/runtime.ts'
import { tlsMaterial } from '../../src/identity/tls-material.ts'
import { createServe } from '../../src/server/http.ts'
import type { Handler, InboundSubject, Started } from '../contract/inbound.ts'
import { TestCa, type TestSvid } from './certificates.ts'
import { TestIdentity } from './test-identity.ts'

/** An identity whose contexts are made as in production: without tickets. */
export function servingIdentity(ca: TestCa, wall: () => number = Date.now): TestIdentity {
  const identity = new TestIdentity({ ca, wall })
  harden(identity)
  return identity
}

export function harden(identity: TestIdentity): void {
  const { svid, current } = identity
  const material = tlsMaterial(svid!, identity.roots, Date.now())
  if ('code' in material) throw material
  identity.current = { ...current!, context: material.context }
}

/** What a client of `ca` connects with. */
export function clientOf(ca: TestCa, svid?: TestSvid): ConnectionOptions {
  return {
    host: '127.0.0.1',
    ca: ca.rootPem,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['http/1.1'],
    ...(svid === undefined ? {} : { key: svid.keyPem, cert: svid.chainPem.join('') }),
  }
}

export interface TlsTalk {
  /** All that came out of TLS. */
  readonly text: string
  /** Of the socket's error. */
  readonly error: string | undefined
  readonly reused: boolean | undefined
  readonly session: Buffer | undefined
  readonly protocol: string | null | undefined
}

/** One conversation: connects, sends, and reads until the server ends it. */
export function talk(port: number, options: ConnectionOptions, send: string): Promise<TlsTalk> {
  return new Promise((resolve) => {
    let [text, error, reused, session, protocol]: any[] = ['']
    const socket = connect({ ...options, port }, () => {
      reused = socket.isSessionReused()
      protocol = socket.getProtocol()
      socket.write(send)
    })
    socket.on('session', (given) => {
      session = given
    })
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', (reason: NodeJS.ErrnoException) => {
      error = reason.code
    })
    socket.on('close', () => resolve({ text, error, reused, session, protocol }))
  })
}

export function withIdentity(runtime: Runtime, identity: Identity, inboundMtls?: MtlsMode): Runtime {
  return Object.assign(Object.create(runtime) as Runtime, { ...runtime, identity, inboundMtls })
}

/** `mesh.serve` in strict mode behind a door that puts plaintext clients into TLS: every law holds there as well. */
export const servedOverTls: InboundSubject = {
  name: 'http, served over mutual TLS',
  rewrites: true,
  async start(harness, rest, item) {
    const ca = TestCa.create()
    const runtime = withIdentity(harness.runtime, servingIdentity(ca), 'strict')
    const listener: Handler = (req, res) => (req.url?.startsWith('/items/') ? item : rest)(req, res)
    const server = await createServe(runtime)(listener, { signals: false })
    const front = await intoTls(server.port, clientOf(ca, ca.issue()))
    return {
      port: front.port,
      close: async () => {
        await server.close({ graceMs: 0 })
        await front.close()
      },
    }
  },
}

async function intoTls(port: number, options: ConnectionOptions): Promise<Started> {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (plain) => {
    const secure = connect({ ...options, port })
    for (const [one, other] of [
      [plain, secure],
      [secure, plain],
    ] as const) {
      open.add(one)
      one.on('error', () => {})
      one.once('close', () => {
        open.delete(one)
        other.destroySoon()
      })
    }
    plain.pipe(secure).pipe(plain)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

/** A plain socket that says nothing. */
export const silentSocket = (port: number): Socket => connectPlain(port, '127.0.0.1').on('error', () => {})
