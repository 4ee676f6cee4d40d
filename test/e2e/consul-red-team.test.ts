import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { startAgent } from '../kit/consul/agent.ts'
import { intend } from '../kit/consul/intend.ts'
import { answering, localMember } from '../kit/consul/members.ts'
import type { Cleanup } from '../kit/process.ts'
import { until } from '../kit/wait.ts'

async function agentOf(t: Cleanup) {
  const agent = await startAgent()
  t.after(() => agent.stop())
  return agent
}

test('a listener that asks for TLS by itself is judged by intentions, whatever the mesh’s own mode', async (t) => {
  const agent = await agentOf(t)
  await intend(agent, 'web', 'orders', 'deny')
  const orders = localMember(t, 'orders', { env: { ...agent.env, TULLE_INBOUND_MTLS: 'disable' } })
  const reached: string[] = []
  const handler = (req: IncomingMessage, res: ServerResponse): void => {
    reached.push(req.url ?? '')
    res.end('in')
  }
  const strict = await orders.mesh.serve(handler, { mtls: 'strict', host: '127.0.0.1', signals: false })
  const open = await orders.mesh.serve(handler, { host: '127.0.0.1', signals: false })
  const web = localMember(t, 'web', {
    env: { ...agent.env, TULLE_ENDPOINTS: `orders=127.0.0.1:${strict.port}` },
  })
  await answering(web.mesh)
  const answer = await until(
    async () => {
      const { status } = await web.mesh.fetch('http://orders.mesh/secret')
      return status < 500 && status
    },
    { what: 'an answer' },
  )
  assert.equal(answer, 403)
  assert.deepEqual(reached, [])
  assert.equal((await fetch(`${open.url}/public`)).status, 200, 'the public door is for everybody')
})
