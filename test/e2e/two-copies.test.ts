import assert from 'node:assert/strict'
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as first from '../../src/index.ts'
import { startLedger } from '../kit/ledger.ts'
import { createPolicyFile, startSetting } from '../kit/setting.ts'
import { until } from '../kit/wait.ts'

/** A second copy of the library, as two versions of it in one tree of dependencies would be. */
async function secondCopy(t: { after(fn: () => unknown): void }): Promise<typeof first> {
  const sources = fileURLToPath(new URL('../../src', import.meta.url))
  const copy = `${sources}-copy-${process.pid}`
  cpSync(sources, copy, { recursive: true })
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  return (await import(pathToFileURL(join(copy, `index${extname(import.meta.url)}`)).href)) as typeof first
}

test('FAULTS 67: two copies of the library in one process do their work side by side', async (t) => {
  const second = await secondCopy(t)
  assert.notEqual(second.createMesh, first.createMesh)
  const ledgers = [await startLedger({ name: 'one' }), await startLedger({ name: 'two' })]
  const meshes = [first, second].map(({ createMesh }, number) =>
    createMesh({
      service: `web-${number}`,
      log: 'error',
      endpoints: { orders: [ledgers[number]?.address as string] },
      env: {},
    }),
  )
  t.after(async () => {
    for (const mesh of meshes) await mesh.close()
    for (const ledger of ledgers) await ledger.close()
  })
  for (const mesh of meshes) await mesh.start()
  for (const [number, mesh] of meshes.entries()) {
    const answer = await mesh.fetch('http://orders.mesh/')
    assert.equal(((await answer.json()) as { from: string }).from, ['one', 'two'][number])
  }

  const error = await meshes[1]?.fetch('http://nowhere.mesh/').then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(first.isMeshError(error), 'the first copy knows the errors of the second')
  assert.ok(!(error instanceof first.MeshError))

  await meshes[0]?.close()
  assert.equal(
    (await meshes[1]?.fetch('http://orders.mesh/'))?.status,
    200,
    'closing one does not close the other',
  )
})

test('FAULTS 67: a policy that tries to reach a prototype is refused, and reaches nothing', async (t) => {
  const ledger = await startLedger()
  t.after(() => ledger.close())
  const good = { version: 1, services: { orders: { endpoints: [ledger.address] } } }
  const policy = createPolicyFile(t, good)
  const setting = await startSetting(t, {
    upstreams: 0,
    mesh: { endpoints: {}, policy: policy.path, logger: silent() },
  })
  let refused = 0
  setting.runtime.events.on('policy-refused', () => refused++)
  const hostile = [
    '{"version":1,"__proto__":{"polluted":true},"services":{}}',
    '{"version":1,"services":{"__proto__":{"timeout":"1s"},"orders":{}}}',
    '{"version":1,"services":{"orders":{"__proto__":{"polluted":true}}}}',
    '{"version":1,"services":{"constructor":{"prototype":{"polluted":true}}}}',
    '{"version":1,"defaults":{"retry":{"__proto__":{"limit":10}}}}',
  ]
  for (const text of hostile) {
    const before = refused
    writeFileSync(policy.path, text)
    await until(() => refused > before, { what: `a refusal of ${text}` })
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    assert.equal(({} as { timeout?: unknown }).timeout, undefined)
    assert.equal(({} as { limit?: unknown }).limit, undefined)
    assert.equal((await setting.caller.ask()).status, 200, 'the last good policy is in force')
  }
  await setting.mesh.close()
})

function silent() {
  return { debug() {}, info() {}, warn() {}, error() {} }
}
