import { createMesh } from 'tulle'

const mesh = createMesh({ discovery: 'consul' }) // TULLE_SERVICE names it, CONSUL_HTTP_ADDR says where the agent is

const server = await mesh.serve(
  (req, res) => {
    const { service: askedBy } = req.mesh.peer // proved by a certificate of Connect
    res.setHeader('content-type', 'application/json')
    res.end(
      JSON.stringify({ item: req.url, version: process.env.TULLE_VERSION, servedBy: process.pid, askedBy }),
    )
  },
  { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' },
)
console.log(`listening on ${server.url}`) // https: who has no certificate of this Consul is refused
