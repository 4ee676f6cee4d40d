import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { join, type PlaneClient, planeClient } from '../kit/plane-client.ts'
import { siblingOf, startProcess, type TestProcess } from '../kit/process.ts'
import { delay } from '../kit/wait.ts'

/** The limits are those of the machine the figures are meant for; a shared one fails at ten times them. */
const SLACK = 10

interface Usage {
  readonly cpuMs: number
  readonly rssMiB: number
}

async function begin(t: Parameters<typeof startProcess>[0]) {
  const child = await startProcess(t, siblingOf(import.meta.url, './plane-process'))
  const plane = JSON.parse(child.ready[1] as string)
  return { child, plane, credentials: await join(t, plane, 'orders', plane.tokens.orders) }
}

/** As the system counts it, so that asking costs the plane nothing. */
function usage({ pid }: TestProcess): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const [ticksPerSecond, pageBytes] = [100, 4096]
  return {
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond,
    rssMiB: (Number(fields[21]) * pageBytes) / 1024 / 1024,
  }
}

const onLinux = { skip: process.platform === 'linux' ? false : 'needs /proc' }

test('200 subscribers: a change of policy is told to all within a second', onLinux, async (t) => {
  const { child, plane, credentials } = await begin(t)
  const token = readFileSync(plane.adminTokenFile, 'utf8').trim()
  const clients: PlaneClient[] = Array.from({ length: 200 }, () => planeClient(t, plane, credentials, 1))
  const admin = planeClient(t, plane)
  let etags = await Promise.all(clients.map(async (client) => (await client.ask('/v1/policy')).etag))
  const before = usage(child)
  const tookMs: number[] = []
  const rounds = 10
  for (let round = 1; round <= rounds; round++) {
    let pushedAt = 0
    const waiting = clients.map(async (client, index) => {
      const { etag, status } = await client.ask('/v1/policy', { etag: etags[index], wait: 30 })
      assert.equal(status, 200)
      tookMs.push(performance.now() - pushedAt)
      return etag
    })
    await delay(200)
    pushedAt = performance.now()
    const text = `version: 1\nservices:\n  orders:\n    timeout: ${round}s\n`
    const body = { documents: [{ name: 'orders.yaml', text }] }
    assert.equal((await admin.ask('/v1/policy', { method: 'POST', token, body })).status, 200)
    etags = await Promise.all(waiting)
  }
  const after = usage(child)
  const sorted = tookMs.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] as number
  t.diagnostic(
    `push to answer, 200 long polls, ${rounds} pushes: p50 ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms; plane: ${((after.cpuMs - before.cpuMs) / rounds).toFixed(0)} ms of CPU per push, ${after.rssMiB.toFixed(0)} MiB`,
  )
  assert.ok(at(0.99) < 1000 * SLACK)
})

test('the heartbeats of 5,000 endpoints cost the plane less than a tenth of a core', onLinux, async (t) => {
  const { child, plane, credentials } = await begin(t)
  // A process has one heartbeat whatever it registered: here one endpoint each, the dearest case.
  const instances = 5000
  const client = planeClient(t, plane, credentials, 50)
  for (let from = 0; from < instances; from += 500) {
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const name = from + i
        const endpoints = [{ address: `10.0.${name >> 8}.${name & 255}`, port: 8080 }]
        const body = { service: 'orders', endpoints }
        const { status } = await client.ask(`/v1/instances/i-${name}`, { method: 'PUT', body })
        assert.equal(status, 200)
      }),
    )
    // Who is registered must be heard of while the others register.
    if (from % 1000 === 500) await beat(client, 0, from + 500)
  }
  const before = usage(child)
  const began = performance.now()
  const lastMs = 6660
  const steps = 200
  for (let step = 0; step < steps; step++) {
    const share = instances / (steps / 2)
    const from = (step % (steps / 2)) * share
    await beat(client, from, from + share)
    await delay(Math.max(0, began + ((step + 1) * lastMs) / steps - performance.now()))
  }
  const seconds = (performance.now() - began) / 1000
  const after = usage(child)
  const core = (after.cpuMs - before.cpuMs) / 1000 / seconds
  t.diagnostic(
    `5,000 instances, a heartbeat each 3.3 s (${((2 * instances) / seconds).toFixed(0)}/s): ${(core * 100).toFixed(1)} % of a core, ${after.rssMiB.toFixed(0)} MiB`,
  )
  assert.ok(core < 0.1 * SLACK)
})

async function beat(client: PlaneClient, from: number, to: number): Promise<void> {
  await Promise.all(
    Array.from({ length: to - from }, async (_, i) => {
      const { status } = await client.ask(`/v1/instances/i-${from + i}/heartbeat`, { method: 'POST' })
      assert.equal(status, 200)
    }),
  )
}
