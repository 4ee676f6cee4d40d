import { createServer } from 'node:net'

/**
 * Below 32768, where no system takes the source port of an outgoing connection from: a port that rests while its
 * instance is being restarted must not be lent to somebody's connection in the meantime.
 */
const FIRST = 20_000
const LAST = 32_000
const TRIES = 200

/** Distinct TCP ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === TRIES)
      throw new Error(
        `found only ${ports.size} free ports of ${count} between ${FIRST} and ${LAST} on 127.0.0.1`,
      )
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
