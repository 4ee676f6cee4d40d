import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { KeptFile } from '../../src/control/kept-file.ts'
import { MeshError } from '../../src/core/errors.ts'

function kept(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-kept-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'file')
  const said: string[] = []
  const own = { reads: 0, failure: undefined as Error | undefined }
  const quiet = (): void => {}
  const file = new KeptFile<string>({
    paths: [path],
    read: async () => {
      own.reads++
      if (own.failure !== undefined) throw own.failure
      const text = await readFile(path, 'utf8').catch(() => '')
      if (text === '') throw new MeshError('TULLE_CONSUL', 'it is empty')
      return text
    },
    same: (one, other) => one === other,
    log: { debug: quiet, info: quiet, error: quiet, warn: (message) => void said.push(message) },
  })
  return { file, path, folder, said, own }
}

test('it is read once, and again only when it has changed, also where it was put in its place', async (t) => {
  const { file, path, folder, own } = kept(t)
  writeFileSync(path, 'one')
  assert.deepEqual(await Promise.all([file.get(), file.get(), file.get()]), ['one', 'one', 'one'])
  assert.equal(await file.look(), false)
  assert.equal(own.reads, 1)
  writeFileSync(join(folder, 'new'), 'two')
  renameSync(join(folder, 'new'), path)
  assert.equal(await file.look(), true)
  assert.equal(await file.get(), 'two')
  writeFileSync(path, 'two')
  assert.equal(await file.look(), false, 'what says the same is no change')
})

test('while there has been none it rejects, and the first one is news then', async (t) => {
  const { file, path, said } = kept(t)
  await assert.rejects(file.get(), /it is empty/)
  await assert.rejects(file.get(), /it is empty/)
  writeFileSync(path, 'one')
  assert.equal(await file.look(), true)
  assert.equal(await file.get(), 'one')
  assert.deepEqual(said, [])
})

test('one that is lost or spoilt changes nothing and is said once, until it was good again', async (t) => {
  const { file, path, said } = kept(t)
  writeFileSync(path, 'one')
  await file.get()
  for (const content of ['', undefined]) {
    if (content === undefined) rmSync(path)
    else writeFileSync(path, content)
    for (let n = 0; n < 3; n++) assert.equal(await file.look(), false)
    assert.equal(await file.get(), 'one')
  }
  assert.deepEqual(said, ['it is empty; what it held before is used on'])
  writeFileSync(path, 'two')
  assert.equal(await file.look(), true)
  writeFileSync(path, '')
  await file.look()
  assert.equal(said.length, 2)
})

test('what could not be read for a moment is read again, though the file is as it was', async (t) => {
  const { file, path, said, own } = kept(t)
  writeFileSync(path, 'one')
  await file.get()
  own.failure = new MeshError('TULLE_CONSUL', 'no file descriptor is left')
  writeFileSync(path, 'two')
  assert.equal(await file.look(), false)
  own.failure = undefined
  assert.equal(await file.look(), true)
  assert.equal(await file.get(), 'two')
  assert.equal(said.length, 1)
})

test('of a folder its files are looked at, and nothing below: a path that is a mistake may have the whole disk there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-kept-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const quiet = (): void => {}
  let reads = 0
  const file = new KeptFile<number>({
    paths: [folder],
    read: async () => ++reads,
    same: () => false,
    log: { debug: quiet, info: quiet, error: quiet, warn: quiet },
  })
  mkdirSync(join(folder, 'below'))
  writeFileSync(join(folder, 'below/file'), 'one')
  assert.equal(await file.get(), 1)
  writeFileSync(join(folder, 'below/file'), 'another')
  assert.equal(await file.look(), false)
  writeFileSync(join(folder, 'file'), 'one')
  assert.equal(await file.look(), true)
})
