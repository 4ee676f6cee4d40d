import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { Harness, serveHttp } from '../kit/http-harness.ts'

test('a call tells its URL, and whether its caller propagates a trace by itself', async () => {
  const server = await serveHttp((_req, res) => res.end())
  const mesh = new Harness({ endpoints: [server.address] })
  try {
    for (const headers of [{}, { TraceParent: '00-x' }, ['traceparent', '00-x'], { tracestate: 'a=1' }]) {
      const { body } = await request('http://orders.mesh/v1/items?page=2', {
        dispatcher: mesh.dispatcher,
        headers,
      })
      await body.dump()
    }
    assert.deepEqual(
      mesh.calls.map((call) => call.carriesTrace),
      [false, true, true, false],
    )
    assert.equal(mesh.calls[0]?.url, 'http://orders.mesh/v1/items?page=2')
  } finally {
    await mesh.close()
    await server.close()
  }
})
