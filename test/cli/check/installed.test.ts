import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { dependenciesOf, findCopies } from '../../../src/cli/check/installed.ts'

async function service(t: TestContext, packages: Readonly<Record<string, object>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tulle-installed-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [path, manifest] of Object.entries(packages)) {
    await mkdir(join(folder, path), { recursive: true })
    await writeFile(join(folder, path, 'package.json'), JSON.stringify(manifest))
  }
  return folder
}

test('copies are found at any depth, in scopes, once each, and loops of links end', async (t) => {
  const folder = await service(t, {
    'node_modules/undici': { version: '7.30.2' },
    'node_modules/client': { version: '1.0.0' },
    'node_modules/client/node_modules/undici': { version: '6.21.0' },
    'node_modules/@scope/other/node_modules/@opentelemetry/api': { version: '1.9.0' },
  })
  await mkdir(join(folder, 'node_modules/loop'))
  await symlink(join(folder, 'node_modules'), join(folder, 'node_modules/loop/node_modules'))
  const found = await findCopies(folder, ['undici', '@opentelemetry/api'])
  assert.deepEqual(
    found
      .get('undici')
      ?.map(({ version }) => version)
      .sort(),
    ['6.21.0', '7.30.2'],
  )
  assert.deepEqual(
    found.get('@opentelemetry/api')?.map(({ version }) => version),
    ['1.9.0'],
  )
})

test('no node_modules, no copies', async (t) => {
  const found = await findCopies(await service(t, {}), ['undici'])
  assert.deepEqual(found.get('undici'), [])
})

test("the service's own dependencies, where it has a package.json that can be read", async (t) => {
  const folder = await service(t, { '.': { dependencies: { axios: '1' }, devDependencies: { got: '1' } } })
  assert.deepEqual(await dependenciesOf(folder), ['axios'])
  await writeFile(join(folder, 'package.json'), '{')
  assert.equal(await dependenciesOf(folder), undefined)
})
