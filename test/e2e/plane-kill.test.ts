import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import { startPlane } from '../../src/plane.ts'
import { join, type PlaneClient, planeClient } from '../kit/plane-client.ts'
import { siblingOf, startProcess } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const WRITES = 1000
const policy = (timeout: number): string => `version: 1\nservices:\n  orders:\n    timeout: ${timeout}ms\n`
const silent = { debug() {}, info() {}, warn() {}, error() {} }

interface Acknowledged {
  readonly instances: Map<string, number>
  sequence: number
}

test('FAULTS 33: kill -9 during a burst of 1,000 policy and registry writes loses nothing acknowledged', async (t) => {
  const dir = mkdtempSync(joinPath(tmpdir(), 'tulle-plane-kill-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  for (const killAfter of [100, 400, 800]) {
    const child = await startProcess(t, siblingOf(import.meta.url, './plane-process'), { args: [dir] })
    const plane = JSON.parse(child.ready[1] as string)
    const admin = readFileSync(plane.adminTokenFile, 'utf8').trim()
    const client = planeClient(t, plane, await join(t, plane, 'orders', plane.tokens.orders), 32)
    const kept: Acknowledged = { instances: new Map(), sequence: 0 }
    let answered = 0
    const count = (): void => {
      answered++
    }
    const writes = Array.from({ length: WRITES }, (_, i) =>
      (i % 4 === 0 ? push(client, admin, killAfter * 10 + i, kept) : put(client, i, killAfter, kept)).then(
        count,
        () => {},
      ),
    )
    await until(() => answered >= killAfter, { what: `${killAfter} answers`, withinMs: 30_000 })
    await child.kill('SIGKILL')
    await Promise.all(writes)
    assert.ok(answered < WRITES, 'the plane was killed in the middle')
    const again = await startPlane({ dir, port: 0, host: '127.0.0.1', logger: silent })
    const there = new Set((again.services().orders ?? []).map((one) => (one as { port: number }).port))
    for (const [name, port] of kept.instances) assert.ok(there.has(port), `${name} was acknowledged`)
    const { sequence } = await again.pushPolicy({ documents: [{ name: 'last.yaml', text: null }] })
    assert.ok(sequence >= kept.sequence, `version ${kept.sequence} was acknowledged, ${sequence} is in force`)
    t.diagnostic(
      `killed after ${killAfter}: ${kept.instances.size} registrations and version ${kept.sequence} acknowledged, version ${sequence} in force`,
    )
    await again.close()
  }
})

async function put(client: PlaneClient, i: number, run: number, kept: Acknowledged): Promise<void> {
  const port = 1000 + run * 10 + i
  const body = { service: 'orders', endpoints: [{ address: '10.0.0.1', port }] }
  const { status } = await client.ask(`/v1/instances/i-${run}-${i}`, { method: 'PUT', body })
  assert.equal(status, 200)
  kept.instances.set(`i-${run}-${i}`, port)
}

async function push(client: PlaneClient, token: string, timeout: number, kept: Acknowledged): Promise<void> {
  const documents = [{ name: 'orders.yaml', text: policy(timeout + 1) }]
  const { status, body } = await client.ask('/v1/policy', { method: 'POST', body: { documents }, token })
  assert.equal(status, 200)
  kept.sequence = Math.max(kept.sequence, body.sequence)
}
