import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { inboundGrpc } from '../kit/grpc/inbound.ts'
import { frame } from '../kit/grpc/raw-server.ts'
import { until } from '../kit/wait.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** One connection with one call on it, gone again. */
function visit(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on('error', reject)
    session.on('close', resolve)
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
    stream.on('error', reject)
    stream.resume().on('close', () => session.close())
    stream.end(frame(Buffer.alloc(0)))
  })
}

test('a thousand connections come and go, and leave nothing behind', async (t) => {
  const { port, harness, service } = await inboundGrpc(t)
  const path = '/tulle.test.pricing.v1.Pricing/Quote'
  const rounds = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await Promise.all(Array.from({ length: 50 }, () => visit(port, path)))
    await until(() => harness.inFlight() === 0, { what: 'every end' })
    assert.equal(service.ledger.executions.length, harness.seen.length)
    harness.seen.length = 0
    ;(service.ledger.executions as unknown[]).length = 0
  }
  const heap = async (): Promise<number> => {
    for (let n = 0; n < 4; n++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  const handles = (): number => process.getActiveResourcesInfo().filter((kind) => kind !== 'Timeout').length
  await rounds(4)
  const before = { heap: await heap(), handles: handles() }
  await rounds(20)
  const perConnection = ((await heap()) - before.heap) / 1000
  t.diagnostic(`${Math.round(perConnection)} bytes on the heap for each connection that came and went`)
  // One that is held on to costs more than ten thousand.
  assert.ok(perConnection < 3000, `${perConnection} bytes for each`)
  await until(() => handles() <= before.handles + 2, { what: 'handles to be given back', seen: handles })
})
