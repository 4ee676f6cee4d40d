import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { until } from './wait.ts'

export interface FullBacklog {
  readonly port: number
  readonly address: string
  close(): Promise<void>
}

const NEVER_ACCEPTS = `
  const { createServer } = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

/**
 * An address that neither accepts nor refuses: a listener whose thread sleeps for ever and whose accept queue is full,
 * so that the kernel drops every further SYN. What a blackholed connect looks like, without any privilege.
 */
export async function startFullBacklog(): Promise<FullBacklog> {
  const worker = new Worker(NEVER_ACCEPTS, { eval: true })
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  const fillers: Socket[] = []
  let pending = 0
  const more = (): void => {
    const socket = connect({ port, host: '127.0.0.1' })
    pending++
    socket.on('connect', () => pending--)
    socket.on('error', () => {})
    fillers.push(socket)
  }
  let quietSince = performance.now()
  await until(
    () => {
      if (pending === 0) {
        more()
        quietSince = performance.now()
      }
      return performance.now() - quietSince > 150
    },
    { what: 'the accept queue to be full', everyMs: 10 },
  )
  return {
    port,
    address: `127.0.0.1:${port}`,
    async close() {
      for (const socket of fillers) socket.destroy()
      await worker.terminate()
    },
  }
}
