import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMesh, isMeshError, type Mesh, type MeshOptions } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { folder } from '../kit/member.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const named = (timeout: string) => [
  { name: 'orders.yaml', text: `version: 1\nservices:\n  orders:\n    timeout: ${timeout}\n` },
]

function member(t: Cleanup, joinToken: string, options: MeshOptions = {}): Mesh {
  const mesh = createMesh({ service: 'web', joinToken, logger: silent, env: {}, ...options })
  t.after(() => mesh.close())
  return mesh
}

async function planeIn(t: Cleanup, dir: string, port = 0) {
  const plane = await startPlane({ dir, port, host: '127.0.0.1', logger: silent })
  t.after(() => plane.close())
  return plane
}

test('FAULTS 20, 31: with no plane and nothing kept the start is over in its time, says so, and succeeds once there is one', async (t) => {
  const dir = folder(t)
  const first = await planeIn(t, dir)
  const token = first.createToken('web')
  await first.pushPolicy({ documents: named('2s') })
  await first.close()
  const mesh = member(t, token, { stateDir: folder(t) })
  const began = performance.now()
  await assert.rejects(mesh.start(), (error) => {
    assert.ok(isMeshError(error))
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${first.port}`))
    return true
  })
  assert.ok(performance.now() - began < 15_000, 'five seconds, and the slowness of a machine')
  assert.equal(mesh.health().state, 'idle')
  await planeIn(t, dir, first.port)
  const back = performance.now()
  await mesh.start()
  assert.ok(performance.now() - back < 10_000, 'two seconds, and the slowness of a machine')
  assert.equal(mesh.health().state, 'ready')
  assert.equal(mesh.health().plane?.policy?.sequence, 1)
})

test('FAULTS 20, 31: with kept state a start without the plane is ready, says the ages, and connects later by itself', async (t) => {
  const dir = folder(t)
  const first = await planeIn(t, dir)
  await first.pushPolicy({ documents: named('2s') })
  const token = first.createToken('web')
  const stateDir = folder(t)
  const before = member(t, token, { stateDir })
  await before.start()
  const { version } = before.health().policy
  await before.close()
  await first.close()
  const mesh = member(t, token, { stateDir })
  await mesh.start()
  const { plane, policy, identity, degraded, ok } = mesh.health()
  assert.deepEqual([policy.version, plane?.policy?.source, ok], [version, 'kept', false])
  assert.ok((plane?.policy?.ageMs ?? -1) >= 0)
  assert.equal(identity?.from, 'disk')
  assert.match(degraded.join('\n'), /policy \(from kept, \d+ s old\): .*cannot be reached/)
  const again = await planeIn(t, dir, first.port)
  await again.pushPolicy({ documents: named('3s') })
  const back = performance.now()
  await until(() => mesh.health().plane?.policy?.sequence === 2 && mesh.health().ok, {
    what: 'the mesh to hear of the plane',
    withinMs: 20_000,
    seen: () => mesh.health().degraded,
  })
  t.diagnostic?.(`heard of the plane after ${Math.round(performance.now() - back)} ms`)
})

test('FAULTS 33: a plane restored from an older backup is not believed about what is older, and says so until it is newer', async (t) => {
  const dir = folder(t)
  const backup = join(folder(t), 'backup')
  const first = await planeIn(t, dir)
  await first.pushPolicy({ documents: named('1s') })
  const token = first.createToken('web')
  await first.close()
  cpSync(dir, backup, { recursive: true })
  const second = await planeIn(t, dir, first.port)
  await second.pushPolicy({ documents: named('2s') })
  const mesh = member(t, token)
  await mesh.start()
  await until(() => mesh.health().plane?.policy?.sequence === 2, { what: 'the newest policy' })
  const { version } = mesh.health().policy
  await second.close()

  const restored = await planeIn(t, backup, first.port)
  await until(() => /offers .* in force here; it is refused/.test(mesh.health().degraded.join('\n')), {
    what: 'the refusal of the older policy',
    withinMs: 20_000,
    seen: () => mesh.health().degraded,
  })
  assert.equal(mesh.health().policy.version, version)
  // Another content under the number in force is no better.
  await restored.pushPolicy({ documents: named('7s') })
  await restored.pushPolicy({ documents: named('9s') })
  await until(() => mesh.health().plane?.policy?.sequence === 3, {
    what: 'what is newer',
    withinMs: 20_000,
    seen: () => mesh.health().degraded,
  })
  assert.notEqual(mesh.health().policy.version, version)
})

test('FAULTS 40: clocks five minutes apart do not matter; a day apart is a refusal that names the clock', async (t) => {
  for (const skew of [-5 * MINUTE, 5 * MINUTE - 10_000]) {
    const plane = await startPlane({ logger: silent, wall: () => Date.now() + skew })
    t.after(() => plane.close())
    const mesh = member(t, plane.createToken('web'))
    await mesh.start()
    assert.equal(mesh.health().state, 'ready')
  }
  for (const skew of [-DAY - MINUTE, DAY]) {
    const plane = await startPlane({ logger: silent, wall: () => Date.now() + skew })
    t.after(() => plane.close())
    await assert.rejects(member(t, plane.createToken('web')).start(), (error) => {
      assert.ok(isMeshError(error))
      assert.match(error.message, /clock/, `${skew}`)
      return true
    })
  }
})
