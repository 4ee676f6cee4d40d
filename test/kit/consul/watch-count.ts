import { request as ask, createServer, Agent as HttpAgent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RequestLog } from './request-log.ts'
import type { Agent } from './running-agent.ts'

/** A proxy in front of a real agent that counts: give its address to whom it is to count. */
export interface WatchCount {
  readonly address: string
  readonly log: RequestLog
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Counts the connections, requests and blocking queries that come through it; plain HTTP agents only. */
export async function watchCount(agent: Agent): Promise<WatchCount> {
  const log = new RequestLog()
  const { hostname, port } = new URL(agent.address)
  const upstreams = new HttpAgent({ keepAlive: true })
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    log.note(request, response)
    const { method, url: path, headers } = request
    const onward = ask({ hostname, port, method, path, headers, agent: upstreams })
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', () => response.destroy()).pipe(response)
    })
    // Whoever breaks it off, the other side hears of it.
    onward.on('error', () => response.destroy())
    response.on('error', () => {}).once('close', () => onward.destroy())
    request.on('error', () => {}).pipe(onward)
  })
  log.watch(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    upstreams.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    close,
    [Symbol.asyncDispose]: close,
  }
}
