/**
 * Calls through a mesh whose policy changes every second, or does not, in one process. Argument: JSON `{ ports, services, folder }`.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Dispatcher } from 'undici'
import { createMesh } from '../../src/index.ts'
import { closedLoop } from '../caller/drive.ts'
import { requestsTo } from '../caller/requests.ts'
import { Sink } from '../caller/sink.ts'
import { answer } from '../worker.ts'
import type { ChurnQuestion, ChurnSettings } from './churn.ts'

const { ports, services, folder } = JSON.parse(process.argv[2] ?? '{}') as ChurnSettings
const file = join(folder, 'mesh.json')
const CHANGE_EVERY_MS = 1000

/** Every service says something else than before: nothing may be kept. */
function write(round: number): void {
  const entry = { timeout: `${5000 + round}ms`, breaker: {}, retry: { limit: 2 } }
  const named = Array.from({ length: services - 1 }, (_, n) => [`svc-${n}`, entry])
  const policy = { version: 1, services: Object.fromEntries([...named, ['orders', entry]]) }
  writeFileSync(`${file}.next`, JSON.stringify(policy))
  renameSync(`${file}.next`, file)
}

write(0)
const mesh = createMesh({
  service: 'bench',
  endpoints: { orders: ports.map((port) => `127.0.0.1:${port}`) },
  policy: file,
  env: {},
})
await mesh.start()
const request = requestsTo('http://orders.mesh').GET
const dispatcher = mesh.dispatcher as unknown as Dispatcher
const caller = {
  once: (_method: unknown, done: (error: Error | undefined) => void) =>
    void dispatcher.dispatch(request, new Sink(done)),
}
let round = 0

answer(null, async ({ ms, churn, concurrency }: ChurnQuestion) => {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  const before = mesh.health().policy.version
  const timer = churn ? setInterval(() => write(++round), CHANGE_EVERY_MS) : undefined
  delays.enable()
  const calls = await closedLoop(caller, { ask: 'closed', method: 'GET', ms, concurrency })
  delays.disable()
  clearInterval(timer)
  const changed = mesh.health().policy.version !== before
  if (churn && !changed) throw new Error('no change of the policy came into force')
  return { calls, stallMs: delays.max / 1e6 }
})
