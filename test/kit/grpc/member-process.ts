import { openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '../../../src/grpc/index.ts'
import { createMesh } from '../../../src/index.ts'
import { pricingGrpc } from './pricing-server.ts'
import { type PricingBehaviour, PricingService } from './pricing-service.ts'

export interface MemberProcessOptions {
  /** What answers say in `served_by`. */
  readonly name: string
  readonly port: number
  /** Every execution is a line `<id> <name>` of it, written before anything is answered. */
  readonly ledger: string
  readonly behaviour: PricingBehaviour
}

/**
 * The pricing service as a program of its own: `member-process <options as JSON>`, its mesh configured by the environment.
 * Says `ready` and, as JSON, its port and that of its control: `GET /memory`.
 */
const options = JSON.parse(process.argv[2] ?? '{}') as MemberProcessOptions
process.on('disconnect', () => process.exit(1))
process.channel?.unref()
const ledger = openSync(options.ledger, 'a')
const service = new PricingService(({ metadata, id }) => {
  writeSync(ledger, `${String(metadata.get('x-request-id')[0] ?? id)} ${options.name}\n`)
  return options.behaviour
}, options.name)
const bytes = { 'grpc.max_receive_message_length': -1 }
const server = await serve(createMesh(), pricingGrpc(service, bytes), {
  port: options.port,
  host: '127.0.0.1',
})
const control = createServer((_req, res) => {
  const { rss } = process.memoryUsage()
  res.end(JSON.stringify({ rss, maxRss: process.resourceUsage().maxRSS * 1024 }))
}).listen(0, '127.0.0.1')
control.unref()
await new Promise((resolve) => control.once('listening', resolve))
const ports = { port: server.port, control: (control.address() as AddressInfo).port }
process.stdout.write(`ready ${JSON.stringify(ports)}\n`)
