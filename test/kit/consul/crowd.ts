import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { healthEntry } from '../consul-entry.ts'

/** An agent that knows very many instances of `orders`; of them a tenth is replaced in every round. */
export interface Crowd {
  readonly address: string
  /** Makes the next round; resolves when it is ready to be told. */
  prepare(): Promise<void>
  /** Answers whoever waits. */
  release(): void
  close(): Promise<number>
}

/** In a thread of its own: what it costs to make and to send answers is not measured with what it costs to read them. */
export async function startCrowd(instances: number): Promise<Crowd> {
  const worker = new Worker(new URL(import.meta.url), { workerData: instances })
  const heard = async (): Promise<unknown> => (await once(worker, 'message'))[0]
  const port = (await heard()) as number
  return {
    address: `http://127.0.0.1:${port}`,
    prepare: async () => {
      worker.postMessage('prepare')
      await heard()
    },
    release: () => worker.postMessage('release'),
    close: () => worker.terminate(),
  }
}

function fleet(instances: number, round: number): object[] {
  return Array.from({ length: instances }, (_, n) => {
    const number = n % 10 === round % 10 ? n + round * instances : n
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
    const meta = { protocol: 'http', version: '1.4.2', zone: `eu-${n % 3}`, weight: '1' }
    return healthEntry(8080, { id: `orders-${number}`, node: `node-${n}`, address, meta, tags: ['primary'] })
  })
}

function serve(instances: number): void {
  let round = 0
  const bytesOf = (): Buffer => Buffer.from(JSON.stringify(fleet(instances, round)))
  let bytes = bytesOf()
  let index = 1
  const held = new Set<ServerResponse>()
  const send = (response: ServerResponse): void => {
    held.delete(response)
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': index })
    response.end(bytes)
  }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://agent')
    if (!pathname.startsWith('/v1/health/')) response.end('{}')
    else if (Number(searchParams.get('index') ?? 0) < index) send(response)
    else held.add(response)
  })
  parentPort?.on('message', (what) => {
    if (what === 'release') {
      index += 1
      for (const response of [...held]) send(response)
      return
    }
    round += 1
    bytes = bytesOf()
    parentPort?.postMessage('prepared')
  })
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
}

if (!isMainThread && typeof workerData === 'number') serve(workerData)
