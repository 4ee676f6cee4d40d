/**
 * One arm of `grpc-inbound.ts` in a fresh process: a gRPC server that measures its own CPU time per call by window, from
 * its first call on. Arguments: arm name, windows, milliseconds of a window, milliseconds and calls of warm-up, both at least, and the folder
 * of the certificates.
 */
import { Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js'
import { serve } from '../src/grpc/index.ts'
import { createMesh } from '../src/index.ts'
import { meshEnvironment, tlsOptions } from './certificates.ts'
import { ANSWER_BYTES, ORDERS } from './grpc-service.ts'

const [
  arm = '',
  windows = '4',
  windowMs = '1000',
  warmupMs = '2500',
  warmupUnits = '40000',
  certificates = '',
] = process.argv.slice(2)
const secured = arm.endsWith('tls')
const answer = Buffer.alloc(ANSWER_BYTES, 'x')
let calls = 0
let begin: (() => void) | undefined
const begun = new Promise<void>((resolve) => {
  begin = resolve
})

const server = new Server()
server.addService(ORDERS, {
  Get: (_call: unknown, done: sendUnaryData<Buffer>) => {
    calls++
    begin?.()
    done(null, answer)
  },
  List: (_call: unknown) => {},
})

async function listen(): Promise<number> {
  if (arm.startsWith('mesh')) {
    const mesh = createMesh({
      service: 'orders',
      env: secured ? meshEnvironment(certificates, 'orders') : {},
    })
    await mesh.start()
    return (await serve(mesh, server, { host: '127.0.0.1' })).port
  }
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', bareCredentials(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  )
}

function bareCredentials(): ServerCredentials {
  if (!secured) return ServerCredentials.createInsecure()
  const { ca, key, cert } = tlsOptions(certificates, 'orders')
  return ServerCredentials.createSsl(
    Buffer.from(ca),
    [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }],
    true,
  )
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

process.send?.({ port: await listen() })
await begun
const warmAt = performance.now() + Number(warmupMs)
while (performance.now() < warmAt || calls < Number(warmupUnits)) await sleep(10)
const perCall: number[] = []
for (let i = 0; i < Number(windows); i++) {
  const before = { cpu: process.cpuUsage(), calls }
  await sleep(Number(windowMs))
  const { user, system } = process.cpuUsage(before.cpu)
  perCall.push((user + system) / (calls - before.calls))
}
process.send?.({ perCall })
process.on('disconnect', () => process.exit())
