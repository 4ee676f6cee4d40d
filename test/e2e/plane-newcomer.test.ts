import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMesh, isMeshError } from '../../src/index.ts'
import { startPlane } from '../../src/plane.ts'

test('a service is called the moment it listens, by somebody who started before; a misspelt name fails', async (t) => {
  const plane = await startPlane()
  const mesh = (service: string) =>
    createMesh({ service, plane: plane.url, joinToken: plane.createToken(service), drainDelay: 0, env: {} })
  const web = mesh('web')
  const orders = mesh('orders')
  t.after(async () => {
    await Promise.all([web.close(), orders.close()])
    await plane.close()
  })
  await web.start()
  await orders.serve((_req, res) => res.end('here'), { host: '127.0.0.1', signals: false })
  const answers = await Promise.all(
    Array.from({ length: 5 }, async () => (await web.fetch('http://orders.mesh/')).text()),
  )
  assert.deepEqual(answers, Array(5).fill('here'))
  const misspelt = async (): Promise<string> => {
    try {
      await web.fetch('http://ordrs.mesh/')
      return 'answered'
    } catch (error) {
      return isMeshError(error) ? `${error.code} ${error.message}` : String(error)
    }
  }
  assert.match(await misspelt(), /^TULLE_UNKNOWN_SERVICE .*did you mean orders\.mesh\?/)
  const started = performance.now()
  assert.match(await misspelt(), /^TULLE_UNKNOWN_SERVICE/)
  assert.ok(performance.now() - started < 900, 'and it is not waited for again')
})
