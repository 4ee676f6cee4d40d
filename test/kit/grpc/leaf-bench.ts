import { createSecureServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { EndpointSpec } from '../../../src/core/endpoint.ts'
import type { Leaf, TransportDeps } from '../../../src/core/leaf.ts'
import type { Clock } from '../../../src/core/ports.ts'
import { createGrpcLeafFactory } from '../../../src/grpc/leaf.ts'
import { ambientStore } from '../../../src/platform/als.ts'
import { asyncMark } from '../../../src/platform/async-mark.ts'
import { systemClock, systemWall } from '../../../src/platform/clock.ts'
import type { ManualClock } from '../../../src/testing/manual-clock.ts'
import { FakeEndpoint, FakeService } from '../builders.ts'
import type { IssueOptions, TestCa } from '../certificates.ts'
import { answer, type H2Listening, serveH2 } from '../grpc-bench.ts'
import { tlsOptions } from '../tls-server.ts'

type ToClose = { close(): unknown }

const closing: ToClose[] = []

/** Closed by `closeAll`, the last first. */
export function kept<T extends ToClose>(one: T): T {
  closing.push(one)
  return one
}

export async function closeAll(): Promise<void> {
  for (const one of closing.splice(0).reverse()) await one.close()
}

export interface LeafOptions extends Partial<TransportDeps> {
  readonly spec?: Partial<EndpointSpec>
  readonly service?: FakeService
}

/** A leaf to one endpoint, real but for what is given; mutual TLS where there is an identity. */
export function leafTo(port: number, { spec, service, ...more }: LeafOptions = {}): Leaf {
  const leaf = createGrpcLeafFactory({
    clock: systemClock,
    wall: systemWall,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    mtls: { mode: more.identity === undefined ? 'disable' : 'strict', written: false },
    ambient: ambientStore,
    asyncMark,
    ...more,
  }).open(Object.assign(new FakeEndpoint(service ?? new FakeService(), port, spec), named(spec)))
  kept({ close: () => leaf.destroy() })
  return leaf
}

const named = ({ identity }: Partial<EndpointSpec> = {}) => (identity === undefined ? {} : { identity })

/** What bounds a connection in the making is real; what a leaf plans for later is `time`'s. */
export function plannedBy(time: ManualClock): { readonly clock: Clock; readonly wall: () => number } {
  const start = Date.now() - time.now()
  return {
    wall: () => start + time.now(),
    clock: {
      now: () => time.now(),
      after: (ms, fn) => systemClock.after(ms, fn),
      background: (ms, fn) => time.background(ms, fn),
    },
  }
}

export const ok = (stream: ServerHttp2Stream): void => {
  stream.resume()
  stream.once('end', () => stream.destroyed || answer(stream, Buffer.from('ok')))
}

export interface SecureH2 extends H2Listening {
  /** Handshakes that this side completed, and whether each resumed a session. */
  readonly resumed: boolean[]
  /** Serial number of the certificate that each of them showed. */
  readonly shown: string[]
  /** Connections that are open. */
  readonly open: () => number
}

/** A server of HTTP/2 over mutual TLS. */
export async function secureH2(
  ca: TestCa,
  onStream: Parameters<typeof serveH2>[0] = ok,
  { issue = {}, more = {} }: { issue?: IssueOptions; more?: object } = {},
): Promise<SecureH2> {
  const tls = createSecureServer(tlsOptions({ svid: ca.issue(issue), ca, more }))
  const resumed: boolean[] = []
  const shown: string[] = []
  let open = 0
  tls.on('secureConnection', (socket: TLSSocket) => {
    open++
    socket.once('close', () => open--)
    resumed.push(socket.isSessionReused())
    shown.push(socket.getPeerCertificate().serialNumber)
  })
  const server = await serveH2(onStream, tls as unknown as Http2Server)
  return kept({ ...server, resumed, shown, open: () => open })
}
