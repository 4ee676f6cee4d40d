import { createSecureContext } from 'node:tls'
import { ChannelCredentials, type ChannelOptions, type ServerOptions } from '@grpc/grpc-js'
import type { Identity, MtlsMode } from '../../../src/core/identity.ts'
import { type HasRuntime, type Listening, RUNTIME, type Runtime } from '../../../src/core/runtime.ts'
import { type ServeOptions, serve } from '../../../src/grpc/server.ts'
import { createListen } from '../../../src/server/listen.ts'
import type { TestCa, TestSvid } from '../certificates.ts'
import { type HarnessOptions, type InboundHarness, inboundHarness } from '../inbound-harness.ts'
import type { Cleanup } from '../process.ts'
import { closing } from './observe.ts'
import { Pricing, type PricingClient } from './pricing.ts'
import { pricingGrpc } from './pricing-server.ts'
import { type Behave, PricingService } from './pricing-service.ts'

export interface InboundGrpcOptions extends HarnessOptions {
  readonly behaviour?: Behave
  readonly serve?: ServeOptions
  readonly server?: ServerOptions
  readonly identity?: Identity
  readonly inboundMtls?: MtlsMode
}

export interface InboundGrpc {
  readonly harness: InboundHarness
  readonly mesh: HasRuntime
  readonly service: PricingService
  readonly grpc: ReturnType<typeof pricingGrpc>
  readonly listening: Listening
  readonly port: number
  readonly logged: { message: string; reason?: string; code?: string }[]
  readonly told: { name: string; payload: any }[]
  /** A plain grpc-js client of the server. */
  client(options?: ChannelOptions, credentials?: ChannelCredentials): PricingClient
}

/** A harness's runtime that can listen, on the real clock, with what it says and tells noted. */
export function listeningRuntime(
  harness: InboundHarness,
  { identity, inboundMtls }: InboundGrpcOptions = {},
): { runtime: Runtime; logged: InboundGrpc['logged']; told: InboundGrpc['told'] } {
  const logged: InboundGrpc['logged'] = []
  const told: InboundGrpc['told'] = []
  const note = (message: string, fields?: object): void => void logged.push({ message, ...fields })
  const runtime: Runtime = {
    ...harness.runtime,
    wall: Date.now,
    log: { debug: () => {}, info: note, warn: note, error: note },
    events: {
      ...harness.runtime.events,
      wants: () => true,
      emit: (name: string, payload: unknown) => void told.push({ name, payload }),
    },
    identity,
    inboundMtls,
    listen: (options, guest) => createListen(runtime)(options, guest),
  }
  return { runtime, logged, told }
}

/** The pricing service behind the inbound stack of a harness, closed at the end of the test. */
export async function inboundGrpc(t: Cleanup, options: InboundGrpcOptions = {}): Promise<InboundGrpc> {
  const harness = inboundHarness(options)
  const { runtime, logged, told } = listeningRuntime(harness, options)
  const mesh = { [RUNTIME]: runtime }
  const service = new PricingService(options.behaviour)
  const grpc = pricingGrpc(service, options.server)
  const listening = await serve(mesh, grpc, { signals: false, host: '127.0.0.1', ...options.serve })
  t.after(async () => {
    service.close()
    await listening.close({ graceMs: 0 })
  })
  const client: InboundGrpc['client'] = (more = {}, credentials = ChannelCredentials.createInsecure()) =>
    closing(
      t,
      new Pricing(`127.0.0.1:${listening.port}`, credentials, {
        'grpc.use_local_subchannel_pool': 1,
        ...more,
      }),
    )
  return { harness, mesh, service, grpc, listening, port: listening.port, logged, told, client }
}

/** What a client of `ca` shows and believes. Whom it calls is not judged: that is the outgoing side's. */
export function grpcCredentials(ca: TestCa, svid?: TestSvid): ChannelCredentials {
  const context = createSecureContext({
    ca: ca.rootPem,
    ...(svid === undefined ? {} : { key: svid.keyPem, cert: svid.chainPem.join('') }),
  })
  return ChannelCredentials.createFromSecureContext(context, { checkServerIdentity: () => undefined })
}
