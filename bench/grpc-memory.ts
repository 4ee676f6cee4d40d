/**
 * What gRPC calls leave behind: `node dist/bench/grpc-memory.js [--smoke] [--calls 1000000]`.
 *
 * Calls through one channel, heap after a full collection and open resources (sockets, timers) at every tenth; then clients
 * that are made, used never, and closed. Growth of the heap beyond a byte a call, or of resources at all, is a failure.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { client } from '../src/grpc/index.ts'
import { benchMesh, get, type Orders } from './grpc-caller.ts'
import { OrdersClient } from './grpc-service.ts'
import { concurrency, option, portOf, smoke, start } from './measure.ts'

const CALLS = option('--calls', smoke ? 5_000 : 200_000)
const CLIENTS = smoke ? 500 : 10_000
/** What the heap may differ by without having grown: code that is compiled, feedback, pages half full. */
const NOISE_BYTES = 2 ** 20

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

interface Left {
  readonly heap: number
  readonly resources: number
}

async function left(): Promise<Left> {
  await sleep(50)
  collect()
  collect()
  return { heap: process.memoryUsage().heapUsed, resources: process.getActiveResourcesInfo().length }
}

function calls(orders: Orders, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let begun = 0
    let over = 0
    const next = (): void => {
      if (begun === count) return
      begun++
      get(orders, (error) => {
        if (error !== undefined) reject(error)
        else if (++over === count) resolve()
        else next()
      })
    }
    for (let i = 0; i < Math.min(concurrency, count); i++) next()
  })
}

function judge(what: string, many: number, from: Left, to: Left): void {
  const grown = to.heap - from.heap
  const each = (grown / many).toFixed(2)
  process.stdout.write(
    `${what}: ${many}, heap ${grown < 0 ? '' : '+'}${(grown / 1024).toFixed(0)} KiB (${each} bytes each), ` +
      `resources ${from.resources} then ${to.resources}\n`,
  )
  if (grown > NOISE_BYTES + many || to.resources > from.resources) process.exitCode = 1
}

const server = start(1, 'grpc-server.js', [])
const mesh = await benchMesh(await portOf(server), undefined)
const orders = client(mesh, OrdersClient, 'orders')
await calls(orders, Math.max(1000, CALLS / 10))
const warm = await left()
const tenths: Left[] = []
for (let i = 0; i < 10; i++) {
  await calls(orders, CALLS / 10)
  tenths.push(await left())
}
process.stdout.write(
  `\nheap, MiB: ${tenths.map(({ heap }) => (heap / 2 ** 20).toFixed(2)).join(' ')}; resources: ${tenths.map(({ resources }) => resources).join(' ')}\n`,
)
judge('calls through one channel', CALLS, warm, tenths.at(-1)!)

const makeAndClose = (count: number): void => {
  for (let i = 0; i < count; i++) client(mesh, OrdersClient, 'orders').close()
}
makeAndClose(CLIENTS / 10)
const before = await left()
makeAndClose(CLIENTS)
judge('clients made and closed', CLIENTS, before, await left())
orders.close()
await mesh.close()
server.disconnect()
