import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { client } from '../../../src/grpc/index.ts'
import { createMesh } from '../../../src/index.ts'
import { Pricing } from './pricing.ts'

export interface Flow {
  readonly direction: 'up' | 'down'
  /** Of the pricing server. */
  readonly address: string
  readonly bytes: number
  readonly piece: number
}

export interface Flowed {
  readonly bytes: number
  readonly seconds: number
  /** Bytes above what was there after a warm-up stream, at most: what is held after a collection, and the resident set. */
  readonly held: number
  readonly rss: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What is held, not what waits to be collected. */
function held(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** A client of the pricing service that moves bytes through one stream and says, as JSON, what it took. */
const flow = JSON.parse(process.argv[2] ?? '{}') as Flow
process.on('disconnect', () => process.exit(1))
const mesh = createMesh({ service: 'web', endpoints: { pricing: flow.address }, log: 'error', env: {} })
await mesh.start()
const pricing = client(mesh, Pricing, 'pricing', { 'grpc.max_receive_message_length': -1 })
const move = flow.direction === 'up' ? up : down
await move(Math.min(flow.bytes, 16_000_000), () => {})
const base = { held: held(), rss: process.memoryUsage().rss }
const peak = { held: 0, rss: 0 }
const begun = performance.now()
let looked = 0
const bytes = await move(flow.bytes, (moved) => {
  if (moved - looked < 4_000_000) return
  looked = moved
  peak.rss = Math.max(peak.rss, process.memoryUsage().rss - base.rss)
  peak.held = Math.max(peak.held, held() - base.held)
})
const flowed: Flowed = { bytes, seconds: (performance.now() - begun) / 1000, ...peak }
process.stdout.write(`ready ${JSON.stringify(flowed)}\n`)
pricing.close()
await mesh.close()
process.exit(0)

function up(bytes: number, moved: (bytes: number) => void): Promise<number> {
  const payload = Buffer.alloc(flow.piece, 'u')
  return new Promise((resolve, reject) => {
    let sent = 0
    const call = pricing.upload((error, answer) => (error ? reject(error) : resolve(answer!.seenBytes)))
    const write = (): void => {
      while (sent < bytes) {
        sent += payload.length
        moved(sent)
        if (call.write({ payload })) continue
        call.once('drain', write)
        return
      }
      call.end()
    }
    write()
  })
}

function down(bytes: number, moved: (bytes: number) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = 0
    const call = pricing.watch({ count: Math.ceil(bytes / flow.piece), answerBytes: flow.piece })
    call.on('data', ({ payload }: { payload: Buffer }) => {
      received += payload.length
      moved(received)
    })
    call.on('error', reject)
    call.on('end', () => resolve(received))
  })
}
