import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below what systems hand out themselves (Linux from 32768, others from 49152): nobody's outgoing connection takes a
 * port while its agent is down for a restart.
 */
const LOWEST = 15_000
const HIGHEST = 31_999

const given = new Set<number>()

/** Ports on 127.0.0.1 on which nobody listens, never the same twice. Another process may still be faster. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
