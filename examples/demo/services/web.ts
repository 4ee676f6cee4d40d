import express, { type Response as Answer, type ErrorRequestHandler, type Request } from 'express'
import { createMesh, isMeshError } from 'tulle'
import { startTelemetry } from 'tulle/telemetry'
import { Link } from './link.ts'

/** The edge: Express, and the built-in shape of fetch for its calls. It knows orders by name alone. */
const link = new Link()
const telemetry = startTelemetry({ exporter: link.spans })
const mesh = createMesh()
await mesh.start()

const app = express()
app.disable('x-powered-by')
app.use(express.json())

app.get('/items/:id', async (req, res) => {
  await pass(await mesh.fetch(`http://orders.mesh/items/${req.params.id}`), res)
})

app.get('/quotes/:id', async (req, res) => {
  await pass(await mesh.fetch(`http://orders.mesh/quotes/${req.params.id}`), res)
})

app.post('/orders', async (req, res) => {
  await pass(
    await mesh.fetch('http://orders.mesh/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...keyOf(req) },
      body: JSON.stringify(req.body),
    }),
    res,
  )
})

/** A key promises that orders recognises a repeat; without one a POST is never sent twice. */
function keyOf(req: Request): Record<string, string> {
  const key = req.get('idempotency-key')
  return key === undefined ? {} : { 'idempotency-key': key }
}

async function pass(response: Response, res: Answer): Promise<void> {
  res.status(response.status).json(await response.json())
}

const failed: ErrorRequestHandler = (error, _req, res, _next) => {
  const text = error instanceof Error ? error.message : String(error)
  res.status(502).json({ error: isMeshError(error) ? `${error.code}: ${text}` : text })
}
app.use(failed)

// The first calls of a process are its slowest, and would be held against whoever answers them.
for (let i = 0; i < 5; i++) await (await mesh.fetch('http://stock.mesh/stock/rehearsal')).text()
// Users have no certificate: this is a public door, in a mesh whose every other listener takes mutual TLS alone.
await mesh.serve(app, { port: link.port, host: '127.0.0.1', mtls: 'disable' })
link.open(mesh, telemetry)
