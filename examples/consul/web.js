import { createMesh } from 'tulle'

const mesh = createMesh({ discovery: 'consul' }) // Consul knows where orders is: no address is configured

const server = await mesh.serve(
  async (_req, res) => {
    const answer = await mesh.fetch('http://orders.mesh/v1/items') // over mutual TLS, to nobody but orders
    res.writeHead(answer.status, { 'content-type': 'application/json' })
    res.end(await answer.text()) // 403 where an intention says no
  },
  { port: Number(process.env.PORT ?? 0), host: '127.0.0.1', mtls: 'disable' }, // a public door: browsers have no certificate
)
console.log(`listening on ${server.url}`)
