import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh } from '../../../src/index.ts'
import { metricProducer } from '../../../src/telemetry.ts'
import { application } from './application.ts'
import { left } from './left.ts'
import { identityOf, type ServerPorts, type ServerSettings } from './settings.ts'
import { readMetrics } from './telemetry.ts'

/**
 * A service of the mesh that is called a million times: twice in plaintext, once with mutual TLS. Says what it holds
 * when it is asked; at SIGTERM it closes its meshes, says what is left, and has nothing more to do.
 */
const { certificates } = JSON.parse(process.argv[2] as string) as ServerSettings
const orphaned = (): never => process.exit(1)
process.on('disconnect', orphaned)
process.stdout.write(`began ${JSON.stringify(await left())}\n`)
const metrics = readMetrics([metricProducer()])

const plain = createMesh({ service: 'orders', log: 'error', env: {} })
const secure = createMesh({ service: 'vault', log: 'error', env: identityOf(certificates, 'vault') })
const options = { port: 0, host: '127.0.0.1', signals: false } as const
const servers = [
  await plain.serve(application, options),
  await plain.serve(application, options),
  await secure.serve(application, { ...options, mtls: 'strict' }),
]
const control = createServer(async (_, response) => {
  await metrics.collect()
  response.setHeader('connection', 'close').end(JSON.stringify(await left()))
}).listen(0, '127.0.0.1', () => {
  const [first, second, third] = servers.map(({ port }) => port) as [number, number, number]
  const ports: ServerPorts = {
    plain: [first, second],
    secure: third,
    control: (control.address() as AddressInfo).port,
  }
  process.stdout.write(`ready ${JSON.stringify(ports)}\n`)
})

process.once('SIGTERM', async () => {
  control.close()
  const closing = performance.now()
  await Promise.all([plain.close(), secure.close(), metrics.stop()])
  process.off('disconnect', orphaned)
  process.disconnect()
  const closeMs = performance.now() - closing
  process.stdout.write(`closed ${JSON.stringify({ closeMs, ...(await left()) })}\n`)
})
