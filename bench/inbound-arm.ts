/**
 * One arm of `inbound.ts` in a fresh process: a server that measures its own CPU time per request by window, from its
 * first request on. Arguments: arm name, windows, milliseconds of a window, milliseconds of warm-up,
 * and the folder of the certificates.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createMesh } from '../src/index.ts'
import { meshEnvironment, tlsOptions } from './certificates.ts'

const [arm = '', windows = '4', windowMs = '1000', warmupMs = '2500', certificates = ''] =
  process.argv.slice(2)
const body = Buffer.alloc(1024, 'x')
let requests = 0
let begin: (() => void) | undefined
const begun = new Promise<void>((resolve) => {
  begin = resolve
})

const application: RequestListener = (_req, res) => {
  requests++
  begin?.()
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length })
  res.end(body)
}

async function listen(): Promise<number> {
  if (arm.startsWith('mesh')) {
    const env = arm === 'mesh-mtls' ? meshEnvironment(certificates, 'orders') : {}
    const mesh = createMesh({ service: 'orders', env })
    await mesh.start()
    return (await mesh.serve(application, { host: '127.0.0.1' })).port
  }
  const server: Server =
    arm === 'bare-tls'
      ? createTlsServer({ ...tlsOptions(certificates, 'orders'), requestCert: true }, application)
      : createServer(application)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

process.send?.({ port: await listen() })
await begun
await sleep(Number(warmupMs))
const perRequest: number[] = []
for (let i = 0; i < Number(windows); i++) {
  const before = { cpu: process.cpuUsage(), requests }
  await sleep(Number(windowMs))
  const { user, system } = process.cpuUsage(before.cpu)
  perRequest.push((user + system) / (requests - before.requests))
}
process.send?.({ perRequest })
process.on('disconnect', () => process.exit())
