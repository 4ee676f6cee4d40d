import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { EndpointSet } from '../../src/core/endpoint.ts'
import { makeAttempt } from '../kit/builders.ts'
import { makeTable } from '../kit/table.ts'

/** Limits of PERFORMANCE.md T7 and T9. Processor time, not the wall's; it fails only at ten times the limit. */
const COUNT = 10_000
const LIMIT_MS = 20
const LIMIT_BYTES = 512

function specs(from: number, count: number): EndpointSet {
  return {
    endpoints: Array.from({ length: count }, (_, n) => ({
      address: `10.${(from + n) >> 16}.${((from + n) >> 8) & 255}.${(from + n) & 255}`,
      port: 8080,
    })),
  }
}

test('a set of 10,000 endpoints is in the picker within 20 ms of work, whatever changed in it', (t) => {
  const { table } = makeTable(0)
  const sets: readonly (readonly [string, EndpointSet])[] = [
    ['first', specs(0, COUNT)],
    ['the same again', specs(0, COUNT)],
    ['one hundred replaced', specs(100, COUNT)],
    ['all replaced', specs(2 * COUNT, COUNT)],
    ['all removed', { endpoints: [] }],
  ]
  for (const [what, set] of sets) {
    const started = process.cpuUsage()
    table.apply(set)
    const picked = table.pick(makeAttempt())
    const { user, system } = process.cpuUsage(started)
    const ms = (user + system) / 1000
    assert.equal(picked === undefined, set.endpoints.length === 0)
    t.diagnostic(`${what}: ${ms.toFixed(1)} ms`)
    assert.ok(ms < 10 * LIMIT_MS)
  }
})

test('an endpoint at rest costs at most half a kilobyte, what discovery reported of it included', (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = (): number => {
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }
  const { table } = makeTable(0)
  table.apply(specs(0, 10))
  const before = used()
  table.apply(specs(0, COUNT))
  const bytes = (used() - before) / (COUNT - 10)
  t.diagnostic(`${bytes.toFixed(0)} bytes per endpoint`)
  assert.equal(table.endpoints.length, COUNT)
  assert.ok(bytes <= LIMIT_BYTES)
})
