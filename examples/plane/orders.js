import { createMesh } from 'tulle'

const mesh = createMesh() // TULLE_SERVICE names it; TULLE_JOIN_TOKEN says where the plane is, and gets it a certificate

const server = await mesh.serve(
  (req, res) => {
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ item: req.url, servedBy: process.pid, askedBy: req.mesh.peer.id }))
  },
  { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' },
)
console.log(`listening on ${server.url}`) // https: who has no certificate of this mesh is refused
