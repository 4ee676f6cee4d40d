import { createMesh } from 'tulle'
import { client, httpStatusOf } from 'tulle/grpc'
import { Pricing } from './proto.js'

const mesh = createMesh() // TULLE_SERVICE names it, TULLE_ENDPOINTS knows the others
const pricing = client(mesh, Pricing, 'pricing') // any generated client class

const server = await mesh.serve(
  (req, res) => {
    const answer = (status, body) => {
      res.writeHead(status, { 'content-type': 'application/json' })
      res.end(JSON.stringify(body))
    }
    const sku = new URL(req.url, 'http://web').searchParams.get('sku') ?? ''
    const deadline = Date.now() + 2000 // of this call; without one, what is left of the request's own time
    pricing.quote({ sku, quantity: 2 }, { deadline }, (error, quote) => {
      if (error) answer(httpStatusOf(error), { code: error.code, details: error.details })
      else answer(200, quote)
    })
  },
  { port: Number(process.env.PORT ?? 0), host: '127.0.0.1' },
)
console.log(`listening on ${server.url}`)
