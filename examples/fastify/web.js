import Fastify from 'fastify'
import { createMesh } from 'tulle'
import { meshPlugin, serverFactory } from 'tulle/fastify'

const mesh = createMesh() // TULLE_SERVICE names it, TULLE_ENDPOINTS knows the others
await mesh.start()

const fastify = Fastify({ serverFactory: serverFactory(mesh) })
await fastify.register(meshPlugin, { mesh })
fastify.get('/', async (_request, reply) => {
  const { statusCode, body } = await mesh.request('http://orders.mesh/v1/items')
  return reply.code(statusCode).send(await body.json())
})

await fastify.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1' })
console.log(`listening on http://127.0.0.1:${fastify.server.address().port}`)

process.once('SIGTERM', async () => {
  await fastify.close() // drains: what is in flight is answered first
  await mesh.close()
})
