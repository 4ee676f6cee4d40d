import express from 'express'
import { createMesh } from 'tulle'
import { meshMiddleware } from 'tulle/express'

const mesh = createMesh() // TULLE_SERVICE names it, TULLE_ENDPOINTS knows the others
await mesh.start()

const app = express()
app.use(meshMiddleware(mesh))
app.get('/', async (_req, res) => {
  const answer = await mesh.fetch('http://orders.mesh/v1/items', { mesh: { timeout: '2s' } })
  res.status(answer.status).json(await answer.json())
})

const server = await mesh.serve(app, { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' })
console.log(`listening on ${server.url}`)
