import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answered, answering, ask, localMember } from '../kit/consul/members.ts'
import { agentFor, appear, ORDERS } from '../kit/consul/scene.ts'
import { until } from '../kit/wait.ts'

const BILLING = 'http://billing.mesh/'

test('FAULTS 30: the address of a service becomes that of another: no connection, session or verdict outlives its identity', async (t) => {
  const agent = await agentFor(t)
  const { env } = agent
  const web = localMember(t, 'web', { env })
  const billing = localMember(t, 'billing', { env })
  const reached: (string | undefined)[] = []
  await Promise.all([web.mesh.start(), billing.mesh.start()])
  const has = (port: number) =>
    web.mesh.describe('orders').endpoints.some(({ id }) => id === `127.0.0.1:${port}`)
  for (let round = 0; round < 3; round++) {
    const orders = localMember(t, 'orders', { env })
    const port = await answering(orders.mesh)
    const said = await answered(web.mesh, ORDERS)
    assert.deepEqual([said.service, said.port], ['orders', port])
    // Connections are open by now, and sessions known.
    await Promise.all(Array.from({ length: 10 }, () => ask(web.mesh, ORDERS)))
    await orders.mesh.close()

    const server = await billing.mesh.serve(
      (req, res) => {
        reached.push(req.headers.host)
        res.end(JSON.stringify({ service: 'billing' }))
      },
      { port, host: '127.0.0.1' },
    )
    assert.equal((await answered(web.mesh, BILLING)).service, 'billing')
    // The registry errs: it says that what listens there is orders still.
    const forget = await appear(agent, '127.0.0.1', port)
    await until(() => has(port), { what: 'the address as that of orders' })
    const refused: string[] = []
    for (let call = 0; call < 8; call++)
      await ask(web.mesh, ORDERS).catch((error: Error) => refused.push(error.message))
    assert.equal(refused.length, 8)
    assert.match(refused[0] ?? '', /\/svc\/orders/)
    // What came of it is a verdict on orders at that address, and none on billing.
    assert.deepEqual(
      web.mesh.describe('billing').endpoints.map(({ id, ejected }) => [id, ejected]),
      [[`127.0.0.1:${port}`, false]],
    )
    for (let call = 0; call < 4; call++) assert.equal((await ask(web.mesh, BILLING)).service, 'billing')
    await forget()
    await server.close()
  }
  assert.deepEqual([...new Set(reached)], ['billing.mesh'])
})
