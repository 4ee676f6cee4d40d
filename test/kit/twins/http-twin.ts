import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Conduct, type Twin, WORDS } from './behaviour.ts'

export async function httpTwin(): Promise<Twin> {
  const server = createServer((req, res) => {
    req.resume()
    twin.asked++
    const { conduct } = twin
    if (conduct === 'never answers') return
    res.statusCode = WORDS[conduct].http
    res.end()
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
  await listen(0)
  const { port } = server.address() as AddressInfo
  const twin: Twin = {
    port,
    conduct: 'answers' as Conduct,
    asked: 0,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    start: () => listen(port),
  }
  return twin
}
