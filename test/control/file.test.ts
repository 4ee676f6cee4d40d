import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PolicyUpdate } from '../../src/control/feed.ts'
import { PolicyFileSource } from '../../src/control/file.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { problemText } from '../../src/policy/problem.ts'
import { parsePolicy } from '../kit/policy.ts'
import { until } from '../kit/wait.ts'

const service = (timeout: string, name = 'orders'): string =>
  `version: 1\nservices: { ${name}: { timeout: ${timeout} } }\n`
const signal = new AbortController().signal

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tulle-policy-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

async function started(t: TestContext, path: string, pollMs = 60_000) {
  const source = new PolicyFileSource({ path, parse: parsePolicy, clock: systemClock, settleMs: 10, pollMs })
  t.after(() => source.close())
  await source.start(signal)
  const updates: PolicyUpdate[] = []
  source.onUpdate((update) => updates.push(update))
  return { source, updates }
}

/** What is in force, as `name: timeout`. */
const inForce = (source: PolicyFileSource): string =>
  (source.current?.documents ?? [])
    .flatMap(({ services }) => [...services].map(([name, { timeout }]) => `${name}: ${timeout}`))
    .join(' ')
const forces = (source: PolicyFileSource, what: string) =>
  until(() => inForce(source) === what, { what, seen: () => [inForce(source), source.current?.problems] })
const problems = (source: PolicyFileSource): string =>
  (source.current?.problems ?? []).map(problemText).join('\n')
const says = (source: PolicyFileSource, pattern: RegExp) =>
  until(() => pattern.test(problems(source)), { what: `${pattern}`, seen: () => problems(source) })

test('a file written anew is in force soon, and its listeners hear of it once', async (t) => {
  const file = join(await folder(t), 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source, updates } = await started(t, file)
  assert.equal(inForce(source), 'orders: 1000')
  await writeFile(file, service('2s'))
  await forces(source, 'orders: 2000')
  assert.equal(updates.length, 1)
  assert.equal(updates[0], source.current)
})

test('an editor that renames a new file over the old one is followed, again and again', async (t) => {
  const path = await folder(t)
  const file = join(path, 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source } = await started(t, file)
  for (const seconds of [2, 3, 4]) {
    await writeFile(join(path, '.mesh.yaml.swp'), service(`${seconds}s`))
    await rename(join(path, '.mesh.yaml.swp'), file)
    await forces(source, `orders: ${seconds}000`)
  }
})

for (const given of ['file', 'folder'] as const)
  test(`a swapped symbolic link, as Kubernetes mounts have, is followed: ${given}`, async (t) => {
    const path = await folder(t)
    for (const version of ['..v1', '..v2']) await mkdir(join(path, version))
    await writeFile(join(path, '..v1', 'mesh.yaml'), service('1s'))
    await writeFile(join(path, '..v2', 'mesh.yaml'), service('2s'))
    await symlink('..v1', join(path, '..data'))
    await symlink(join('..data', 'mesh.yaml'), join(path, 'mesh.yaml'))
    const { source } = await started(t, given === 'file' ? join(path, 'mesh.yaml') : path)
    assert.equal(inForce(source), 'orders: 1000')
    await symlink('..v2', join(path, '..data_tmp'))
    await rename(join(path, '..data_tmp'), join(path, '..data'))
    await forces(source, 'orders: 2000')
  })

test('a half-written file keeps the last good policy, and the whole one comes into force', async (t) => {
  const file = join(await folder(t), 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source } = await started(t, file)
  await writeFile(file, service('2s').slice(0, -6))
  await says(source, /not YAML/)
  assert.equal(inForce(source), 'orders: 1000')
  await writeFile(file, service('2s'))
  await forces(source, 'orders: 2000')
  assert.equal(problems(source), '')
})

test('a mistake is refused with its place; the version stays that of what is in force', async (t) => {
  const file = join(await folder(t), 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source } = await started(t, file)
  const version = source.current?.version
  await writeFile(file, service('soon'))
  await says(source, /^services\.orders\.timeout: expected a duration .*mesh\.yaml:2:32\)$/)
  assert.equal(inForce(source), 'orders: 1000')
  assert.equal(source.current?.version, version)
})

test('a file that is gone leaves its policy in force and says so; when it is back it counts', async (t) => {
  const file = join(await folder(t), 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source } = await started(t, file)
  await rm(file)
  await says(source, /no such file or folder; the last good policy stays in force/)
  assert.equal(inForce(source), 'orders: 1000')
  await writeFile(file, service('3s'))
  await forces(source, 'orders: 3000')
})

test('the documents of a folder come, change and go one by one', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'a.yaml'), service('1s', 'orders'))
  await writeFile(join(path, 'notes.txt'), 'not a document')
  await writeFile(join(path, '.hidden.yaml'), 'nor this')
  const { source } = await started(t, path)
  await writeFile(
    join(path, 'b.json'),
    JSON.stringify({ version: 1, services: { stock: { timeout: '2s' } } }),
  )
  await forces(source, 'orders: 1000 stock: 2000')
  await writeFile(join(path, 'a.yaml'), 'version: 7\n')
  await says(source, /a\.yaml:1:10/)
  assert.equal(inForce(source), 'orders: 1000 stock: 2000')
  await rm(join(path, 'a.yaml'))
  await forces(source, 'stock: 2000')
  await rm(join(path, 'b.json'))
  await says(source, /no \*\.yaml, \*\.yml or \*\.json in this folder; the last good policy stays/)
  assert.equal(inForce(source), 'stock: 2000')
})

test('a folder that is replaced is found by polling, and watched from then on', async (t) => {
  const path = join(await folder(t), 'policy')
  await mkdir(path)
  await writeFile(join(path, 'a.yaml'), service('1s'))
  const { source } = await started(t, path, 20)
  await rename(path, `${path}.old`)
  await mkdir(path)
  await writeFile(join(path, 'a.yaml'), service('2s'))
  await forces(source, 'orders: 2000')
  await writeFile(join(path, 'a.yaml'), service('3s'))
  await forces(source, 'orders: 3000')
})

for (const [what, prepare, pattern] of [
  ['a file that is not there', async () => {}, /^there is no such file or folder \(/],
  [
    'a file with a mistake',
    (path: string) => writeFile(path, 'version: 2\n'),
    /^version: expected 1, found 2 \(.*:1:10\)$/,
  ],
  [
    'a folder without a document',
    (path: string) => mkdir(path),
    /^no \*\.yaml, \*\.yml or \*\.json in this folder/,
  ],
  [
    'a folder of mistakes only',
    async (path: string) => {
      await mkdir(path)
      await writeFile(join(path, 'a.yaml'), 'version: 2\n')
      await writeFile(join(path, 'b.yaml'), 'version: 3\n')
    },
    /^version: expected 1, found 2 \(.*a\.yaml:1:10\) and 1 more$/,
  ],
] as const)
  test(`${what} is nothing to begin with`, async (t) => {
    const path = join(await folder(t), 'mesh.yaml')
    await prepare(path)
    await assert.rejects(started(t, path), (error: unknown) => {
      assert.ok(isMeshError(error))
      assert.equal(error.code, 'TULLE_POLICY')
      assert.match(error.message, pattern)
      return true
    })
  })

test('a folder with one good document starts, and names the others', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'a.yaml'), service('1s'))
  await writeFile(join(path, 'b.yaml'), 'version: 2\n')
  const { source } = await started(t, path)
  assert.equal(inForce(source), 'orders: 1000')
  assert.match(problems(source), /expected 1, found 2 \(.*b\.yaml:1:10\)/)
})

test('after close nothing is heard any more', async (t) => {
  const file = join(await folder(t), 'mesh.yaml')
  await writeFile(file, service('1s'))
  const { source, updates } = await started(t, file, 5)
  const other = await started(t, file, 5)
  await source.close()
  await writeFile(file, service('2s'))
  await forces(other.source, 'orders: 2000')
  assert.deepEqual(updates, [])
  assert.equal(inForce(source), 'orders: 1000')
  await source.close()
})
