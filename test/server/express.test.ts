import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import express from 'express'
// @ts-expect-error: the alias of Express 4 comes without types, and those of 5 fit for what is used here
import express4 from 'express4'
import { meshMiddleware } from '../../src/server/express.ts'
import { createServe } from '../../src/server/http.ts'
import { inboundContract } from '../contract/inbound.ts'
import { inboundHarness } from '../kit/inbound-harness.ts'
import { expressTwice, middleware, servedExpress } from '../kit/inbound-subjects.ts'
import { get, rawExchange } from '../kit/raw-http.ts'

inboundContract(servedExpress(4))
inboundContract(servedExpress(5))
inboundContract(middleware(4))
inboundContract(middleware(5))
inboundContract(expressTwice)

for (const [version, make] of [
  [4, express4],
  [5, express],
] as const) {
  test(`express ${version}: mounted under a path, what is not canonical is refused, because Express has already routed`, async () => {
    const harness = inboundHarness()
    const app = make()
    const urls: string[] = []
    app.use('/api', meshMiddleware(harness.mesh), (req: any, res: any) => {
      urls.push(`${req.baseUrl}${req.url}`)
      res.end('fine')
    })
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    assert.equal((await rawExchange(port, get('/api/items?x=1'))).status, 200)
    assert.equal((await rawExchange(port, get('/api/x/../admin'))).status, 400)
    assert.deepEqual([urls, harness.seen.map(({ call }) => call.path)], [['/api/items?x=1'], ['/api/items']])
    await new Promise((resolve) => server.close(resolve))
  })

  test(`express ${version}: an error of a handler goes to the application's own error handler`, async () => {
    const harness = inboundHarness()
    const app = make()
    app.use(meshMiddleware(harness.mesh))
    app.get('/', () => {
      throw new Error('mine')
    })
    app.use((error: Error, _req: any, res: any, _next: unknown) => res.status(418).end(error.message))
    const server = await createServe(harness.runtime)(app, { signals: false })
    const answer = await rawExchange(server.port, get('/'))
    assert.deepEqual([answer.status, harness.errors.length], [418, 0])
    await server.close()
  })
}

test('what is no mesh is refused', () => {
  assert.throws(() => meshMiddleware({} as never), /not a mesh/)
})
