import Fastify from 'fastify'
import { createMesh, isMeshError } from 'tulle'
import { meshPlugin, serverFactory } from 'tulle/fastify'
import { client } from 'tulle/grpc'
import { startTelemetry } from 'tulle/telemetry'
import { Ledger } from '../ledger.ts'
import { Pricing } from '../pricing.ts'
import { Link } from './link.ts'

/** The middle: Fastify, called by web, calling stock over HTTP and pricing over gRPC. */
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

const pricing = client(mesh, Pricing, 'pricing')

/** Answers without the number in stock where stock cannot be asked, and without a price likewise: less, but not nothing. */
app.get<{ Params: { id: string } }>('/items/:id', async ({ params: { id } }) => {
  await work()
  const [number, price] = await Promise.all([numberInStock(id), priceOf(id)])
  return { by: link.name, id, ...number, ...price }
})

async function numberInStock(id: string): Promise<object> {
  try {
    const { statusCode, body } = await mesh.request(`http://stock.mesh/stock/${id}`)
    const answer = (await body.json()) as { left: number; by: string }
    return statusCode === 200 ? { left: answer.left, from: answer.by } : { without: `HTTP ${statusCode}` }
  } catch (error) {
    return { without: isMeshError(error) ? error.code : String(error) }
  }
}

/** No deadline is passed on, and no context: the request being handled has both, and the mesh sees to it. */
function priceOf(id: string): Promise<object> {
  return new Promise((resolve) => {
    pricing.quote({ id }, (error, price) =>
      resolve(error === null ? { cents: price.cents, pricedBy: price.by } : { unpriced: error.message }),
    )
  })
}

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
