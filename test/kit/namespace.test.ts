import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { createNamespace } from './namespace.ts'
import { siblingOf, startProcess } from './process.ts'

test('a swallowing namespace makes warm connections half-open, and heals', async (t) => {
  const space = createNamespace(t)
  if (space === undefined) return t.diagnostic('not run: network namespaces are not allowed here')
  const child = await startProcess(t, siblingOf(import.meta.url, './ledger-process'), {
    args: ['inside', '0', space.address],
    under: space.under,
  })
  const url = `http://${space.address}:${child.ready[1]}/`
  const agent = new Agent({ headersTimeout: 400, connections: 1 })
  t.after(() => agent.destroy())
  const get = async () => (await request(url, { dispatcher: agent })).body.text()
  assert.match(await get(), /inside/)
  space.swallow()
  await assert.rejects(get(), { code: 'UND_ERR_HEADERS_TIMEOUT' })
  space.heal()
  assert.match(await get(), /inside/)
})
