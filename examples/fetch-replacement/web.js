import { createServer } from 'node:http'
import { createMesh } from 'tulle'
import { setGlobalDispatcher } from 'undici'

const mesh = createMesh() // TULLE_SERVICE names it, TULLE_ENDPOINTS knows the others
await mesh.start()
setGlobalDispatcher(mesh.dispatcher) // the only new line in a service that has been there for years

const server = createServer(async (_req, res) => {
  const answer = await fetch('http://orders.mesh/v1/items')
  res.writeHead(answer.status, { 'content-type': 'application/json' })
  res.end(await answer.text())
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
process.once('SIGTERM', () => {
  server.close(() => mesh.close())
})
