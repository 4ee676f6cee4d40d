import { Server, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { createMesh } from 'tulle'
import { serve } from 'tulle/grpc'
import { startTelemetry } from 'tulle/telemetry'
import { type Item, type Price, Pricing } from '../pricing.ts'
import { Link } from './link.ts'

/** The other far end: a gRPC server as grpc-js makes it, listening through the mesh. */
const link = new Link()
const telemetry = startTelemetry({ exporter: link.spans })
const mesh = createMesh()
await mesh.start()

const server = new Server()
server.addService(Pricing.service, {
  async quote({ request: { id } }: ServerUnaryCall<Item, Price>, callback: sendUnaryData<Price>) {
    await link.dawdle()
    if (link.refusalOf(id) !== undefined)
      callback({ code: status.UNAVAILABLE, details: `${link.name} refuses` })
    else callback(null, { cents: 100 + id.length, by: link.name })
  },
})

await serve(mesh, server, { port: link.port, host: '127.0.0.1' })
link.open(mesh, telemetry)
