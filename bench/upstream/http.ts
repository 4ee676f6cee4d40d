import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createMesh, type Mesh } from '../../src/index.ts'
import { metricProducer } from '../../src/telemetry.ts'
import { meshEnvironment, tlsOptions } from '../certificates.ts'
import type { UpstreamSettings } from '../messages.ts'
import { applicationOf, KEEP_ALIVE_MS } from './application.ts'
import type { Tally } from './main.ts'
import { portOf } from './socket.ts'

/** Node's own server, over mutual TLS where there are certificates. */
export async function listenHttp(settings: UpstreamSettings, tally: Tally): Promise<number[]> {
  return [await portOf(serverOf(settings, applicationOf(tally)))]
}

export function serverOf({ certificates }: UpstreamSettings, application: ReturnType<typeof applicationOf>) {
  const server =
    certificates === undefined
      ? createServer(application)
      : createTlsServer({ ...tlsOptions(certificates, 'orders'), requestCert: true }, application)
  server.keepAliveTimeout = KEEP_ALIVE_MS
  return server
}

/** The same application behind a mesh, strict where there are certificates. */
export async function listenMesh(settings: UpstreamSettings, tally: Tally): Promise<number[]> {
  const mesh = await servingMesh(settings)
  const { port } = await mesh.serve(applicationOf(tally), { host: '127.0.0.1', signals: false })
  return [port]
}

/** With everything that is on by default, and metrics that an SDK reads. */
export async function servingMesh({ certificates }: UpstreamSettings): Promise<Mesh> {
  const { readMetrics } = await import('../caller/telemetry.ts')
  readMetrics([metricProducer()])
  const env = certificates === undefined ? {} : meshEnvironment(certificates, 'orders')
  const mesh = createMesh({ service: 'orders', env })
  await mesh.start()
  return mesh
}
