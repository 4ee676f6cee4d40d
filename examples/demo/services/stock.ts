import { createServer } from 'node:http'
import { createMesh } from 'tulle'
import { startTelemetry } from 'tulle/telemetry'
import { Link } from './link.ts'

/** The far end: node:http and nothing else. */
const link = new Link()
const telemetry = startTelemetry({ exporter: link.spans })
const mesh = createMesh()
await mesh.start()

const server = createServer((_req, res) => {
  res.writeHead(200, { 'content-type': 'application/json' })
  res.end(JSON.stringify({ left: 7, by: link.name }))
})

await mesh.serve(server, { port: link.port, host: '127.0.0.1' })
link.open(mesh, telemetry)
