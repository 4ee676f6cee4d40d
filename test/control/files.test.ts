import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MAX_DOCUMENT_BYTES } from '../../src/control/document.ts'
import { fingerprint, readPolicyPath } from '../../src/control/files.ts'

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tulle-files-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

async function names(path: string): Promise<readonly string[]> {
  const listing = await readPolicyPath(path)
  return listing.kind === 'missing' ? [listing.why] : [...listing.documents.keys()]
}

test('a folder is its documents in the order of their names; folders in it and hidden files are none', async (t) => {
  const path = await folder(t)
  for (const name of ['c.YML', 'a.yaml', 'b.json', '.d.yaml', 'e.txt', 'f.yaml~'])
    await writeFile(join(path, name), '')
  await mkdir(join(path, 'sub'))
  await writeFile(join(path, 'sub', 'g.yaml'), '')
  assert.deepEqual(
    await names(path),
    ['a.yaml', 'b.json', 'c.YML'].map((name) => join(path, name)),
  )
})

test('what cannot be read says why', async (t) => {
  const path = await folder(t)
  assert.deepEqual(await names(join(path, 'none')), ['there is no such file or folder'])
  await writeFile(join(path, 'big.yaml'), 'x'.repeat(MAX_DOCUMENT_BYTES + 1))
  await symlink('nowhere', join(path, 'broken.yaml'))
  const listing = await readPolicyPath(path)
  assert.ok(listing.kind === 'folder')
  assert.deepEqual(
    [...listing.documents.values()],
    [
      { unreadable: `larger than 1048576 bytes: ${MAX_DOCUMENT_BYTES + 1}` },
      { unreadable: 'there is no such file or folder' },
    ],
  )
})

test('the fingerprint changes with content, time, name and being there', async (t) => {
  const path = await folder(t)
  const file = join(path, 'a.yaml')
  const seen = new Set([await fingerprint(path)])
  const changed = async (): Promise<void> => {
    const now = await fingerprint(path)
    assert.ok(!seen.has(now))
    seen.add(now)
    assert.equal(await fingerprint(path), now)
  }
  await writeFile(file, 'a')
  await changed()
  await writeFile(file, 'ab')
  await changed()
  await utimes(file, 1, 1)
  await changed()
  await writeFile(join(path, 'b.yaml'), '')
  await changed()
  await rm(path, { recursive: true })
  await changed()
})
