/** The upstream of the benches: 1 KB answers, keep-alive, in a process of its own. Prints its port. */
import { createServer } from 'node:http'

const body = Buffer.alloc(1024, 'x')
const server = createServer((_req, res) => {
  res.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length })
  res.end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`)
})
process.on('disconnect', () => process.exit())
