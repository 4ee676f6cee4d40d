import Fastify from 'fastify'
import { createMesh, isMeshError } from 'tulle'
import { meshPlugin, serverFactory } from 'tulle/fastify'
import { startTelemetry } from 'tulle/telemetry'
import { Ledger } from '../ledger.ts'
import { Link } from './link.ts'

/** The middle: Fastify, called by web and calling stock. */
const link = new Link()
const ledger = new Ledger(process.env.DEMO_LEDGER ?? '/dev/null')
const telemetry = startTelemetry({ exporter: link.spans })
const mesh = createMesh()
await mesh.start()

const app = Fastify({ serverFactory: serverFactory(mesh) })
await app.register(meshPlugin, { mesh })

app.addHook('onRequest', async (request, reply) => {
  const status = link.refusalOf(request.url)
  if (status !== undefined) await reply.code(status).send({ error: `${link.name} refuses` })
})
// After the handler: an instance that is killed while it dawdles has executed what it was asked to.
app.addHook('onSend', async () => link.dawdle())

/** Answers without the number in stock where stock cannot be asked: less, but not nothing. */
app.get<{ Params: { id: string } }>('/items/:id', async ({ params: { id } }) => {
  await work()
  try {
    const { statusCode, body } = await mesh.request(`http://stock.mesh/stock/${id}`)
    const answer = (await body.json()) as { left: number; by: string }
    return statusCode === 200
      ? { by: link.name, id, left: answer.left, from: answer.by }
      : { by: link.name, id, without: `HTTP ${statusCode}` }
  } catch (error) {
    return { by: link.name, id, without: isMeshError(error) ? error.code : String(error) }
  }
})

app.get('/quotes/:id', async () => {
  await work(400)
  return { by: link.name }
})

app.post<{ Body: { id: string } }>('/orders', async ({ body: { id } }, reply) => {
  ledger.executed(id)
  await work()
  reply.code(201)
  return { by: link.name }
})

/** What a service does between question and answer: a query, a file, somebody else's API. */
function work(ms = 15): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

process.once('SIGTERM', async () => {
  await app.close()
  await mesh.close()
})

// The first calls of a process are its slowest; nobody should have to wait for them.
const rehearse = (): Promise<unknown> =>
  mesh.request('http://stock.mesh/stock/rehearsal').then(({ body }) => body.dump())
for (let i = 0; i < 5; i++) await rehearse().catch(() => {})
await app.listen({ port: link.port, host: '127.0.0.1' })
link.open(mesh, telemetry)
