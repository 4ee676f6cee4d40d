import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { openLoop } from '../kit/load.ts'
import { folder, held, patient, startMember } from '../kit/member.ts'
import { until } from '../kit/wait.ts'

for (const scheduling of ['rr', 'none'] as const)
  test(`FAULTS 62: four workers on one port (${scheduling}) are one endpoint, which leaves with the last of them, and no call is lost`, async (t) => {
    const plane = await startPlane({ dir: folder(t), port: 0, host: '127.0.0.1' })
    t.after(() => plane.close())
    await patient(plane, 'orders')
    const member = (workers: number) =>
      startMember(t, { service: 'orders', token: plane.createToken('orders'), workers, scheduling })
    const [cluster, single] = await Promise.all([member(4), member(0)])
    const [many, one] = [`127.0.0.1:${cluster.port}`, `127.0.0.1:${single.port}`]
    await until(() => held(plane, 'orders')[many] === 4, {
      what: 'four holders of one endpoint',
      withinMs: 15_000,
      seen: () => held(plane, 'orders'),
    })
    assert.deepEqual(held(plane, 'orders'), { [many]: 4, [one]: 1 })

    const mesh = createMesh({ service: 'web', joinToken: plane.createToken('web'), env: {}, log: 'error' })
    t.after(() => mesh.close())
    await mesh.start()
    const met = new Map<number, number>()
    const ask = async (): Promise<void> => {
      const answer = await mesh.fetch('http://orders.mesh/x?ms=20')
      const { pid } = (await answer.json()) as { pid: number }
      if (!answer.ok) throw new Error(`status ${answer.status}`)
      met.set(pid, (met.get(pid) ?? 0) + 1)
    }
    await until(
      () =>
        ask().then(
          () => true,
          () => false,
        ),
      { what: 'the first answer', withinMs: 15_000 },
    )
    const load = openLoop({ perSecond: 50, forMs: 5000 }, ask)
    await until(() => cluster.pids.some((pid) => met.has(pid)), { what: 'an answer of a worker' })
    // One worker leaves: the endpoint stays.
    process.kill(cluster.pids[0]!, 'SIGTERM')
    await until(() => cluster.process.stdout.includes(`left ${cluster.pids[0]} 0`), {
      what: 'one to leave',
      withinMs: 15_000,
    })
    // Where it could not say so within a second, its lease ends.
    await until(() => held(plane, 'orders')[many] === 3, { what: 'three holders', withinMs: 15_000 })
    assert.deepEqual(held(plane, 'orders'), { [many]: 3, [one]: 1 })
    // The whole cluster leaves, and with its last holder the endpoint.
    const exit = cluster.process.kill('SIGTERM')
    await until(() => held(plane, 'orders')[many] === undefined, {
      what: 'the endpoint to leave',
      withinMs: 15_000,
    })
    assert.equal((await exit).code, 0)
    for (const pid of cluster.pids) assert.match(cluster.process.stdout, new RegExp(`left ${pid} 0`))
    const { failed, results } = await load
    const workers = cluster.pids.filter((pid) => met.has(pid))
    t.diagnostic(`${results.length} calls, ${failed} failed; ${workers.length} of 4 workers met`)
    assert.deepEqual(
      results.filter((each) => 'error' in each).map(({ error }) => String(error)),
      [],
    )
    assert.ok(met.size >= 2)
  })
