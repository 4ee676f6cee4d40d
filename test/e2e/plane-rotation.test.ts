import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { createMesh } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'
import { openLoop } from '../kit/load.ts'
import { patient } from '../kit/member.ts'
import { until } from '../kit/wait.ts'

const LIFETIME_MS = 20_000
const FOR_MS = 120_000

test('FAULTS 36: certificates of 20 s are replaced under load for two minutes, on both sides, and no call fails', async (t) => {
  const plane = await startPlane({ svidTtlMs: LIFETIME_MS })
  t.after(() => plane.close())
  await patient(plane, 'orders')
  const member = (service: string) => {
    const mesh = createMesh({
      service,
      joinToken: plane.createToken(service),
      env: {},
      log: 'error',
      drainDelay: 0,
    })
    t.after(() => mesh.close())
    return mesh
  }
  const callers = new Set<string>()
  const connections = new Set<TLSSocket>()
  let resumed = 0
  const servers = [member('orders'), member('orders')]
  for (const mesh of servers)
    await mesh.serve(
      (req, res) => {
        const socket = req.socket as TLSSocket
        if (!connections.has(socket)) {
          connections.add(socket)
          callers.add(socket.getPeerX509Certificate()!.serialNumber)
          if (socket.isSessionReused()) resumed++
        }
        const slow = req.url === '/slow'
        setTimeout(() => res.end(`from ${req.mesh?.peer.service}`), slow ? 3000 : 5)
      },
      { signals: false, host: '127.0.0.1' },
    )
  const web = member('web')
  await web.start()
  await until(
    () =>
      web.fetch('http://orders.mesh/first').then(
        () => true,
        () => false,
      ),
    { what: 'orders' },
  )

  /** By the end of the certificate, which every one has of its own. */
  const generations = [web, ...servers].map(() => new Set<number>())
  const looking = setInterval(() => {
    for (const [n, mesh] of [web, ...servers].entries())
      generations[n]!.add(mesh.health().identity!.notAfterMs!)
  }, 250)
  t.after(() => clearInterval(looking))
  const { results, failed } = await openLoop({ perSecond: 25, forMs: FOR_MS }, async (number) => {
    const slow = number % 50 === 0
    const answer = await web.fetch(`http://orders.mesh/${slow ? 'slow' : number}`, {
      method: number % 3 === 0 ? 'POST' : 'GET',
      mesh: { timeout: '10s', retry: false },
    })
    assert.deepEqual([answer.status, await answer.text()], [200, 'from web'])
  })
  clearInterval(looking)
  const counts = generations.map(({ size }) => size)
  t.diagnostic(
    `${results.length} calls, ${failed} failed, ${connections.size} handshakes, ${resumed} resumed; certificates: ${counts.join(', ')}; callers seen ${callers.size}`,
  )
  const errors = results.filter((each) => 'error' in each)
  assert.deepEqual(
    errors.map(({ number, error }) => `${number}: ${error}`),
    [],
  )
  // Each lives for at most 70 % of 20 s.
  for (const count of counts) assert.ok(count >= 8, `${count} certificates`)
  assert.ok(callers.size >= 8, 'the servers have seen them')
  assert.ok(connections.size >= 16)
  assert.equal(resumed, 0)
})
