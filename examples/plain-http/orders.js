import { createMesh } from 'tulle'

const mesh = createMesh() // TULLE_SERVICE names it

const server = await mesh.serve(
  (req, res) => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ item: req.url, servedBy: process.pid, remainingMs: req.mesh.remainingMs() }))
  },
  { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' },
)
console.log(`listening on ${server.url}`)
