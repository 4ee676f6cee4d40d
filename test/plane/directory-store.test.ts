import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { DirectoryStore } from '../../src/plane/directory-store.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { storeContract } from '../contract/store.ts'
import { type Cleanup, siblingOf, startProcess } from '../kit/process.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const STATE = (error: unknown): boolean => isMeshError(error) && error.code === 'TULLE_STATE'

function folder(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'tulle-store-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const open = (directory: string): Promise<DirectoryStore> =>
  DirectoryStore.open({ directory, clock: systemClock })

storeContract({
  name: 'directory store',
  async open(t) {
    const store = await open(folder(t))
    t.after(() => store.close())
    return store
  },
  reopen: (store) => open(store.place),
})

test('folders are 0700, files 0600, and no temporary file stays', async (t) => {
  const directory = join(folder(t), 'made', 'here')
  const store = await open(directory)
  t.after(() => store.close())
  await store.write('a/b', bytes('x'))
  const mode = (path: string): number => statSync(path).mode & 0o777
  assert.equal(mode(directory), 0o700)
  assert.equal(mode(join(directory, 'a')), 0o700)
  assert.equal(mode(join(directory, 'a', 'b')), 0o600)
  assert.deepEqual(readdirSync(join(directory, 'a')), ['b'])
})

test('what a crash left half-written is not seen and goes at the next start', async (t) => {
  const directory = folder(t)
  const left = join(directory, 'a', '.b.0123456789abcdef.new')
  mkdirSync(join(directory, 'a'))
  writeFileSync(left, 'half')
  writeFileSync(join(directory, 'a', 'b'), 'whole')
  const store = await open(directory)
  t.after(() => store.close())
  assert.deepEqual(await store.list(''), ['a/b'])
  assert.equal(existsSync(left), false)
})

test('a directory that others may write to is refused, one they may read is closed to them', async (t) => {
  const directory = folder(t)
  chmodSync(directory, 0o777)
  await assert.rejects(open(directory), STATE)
  chmodSync(directory, 0o755)
  const store = await open(directory)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  await store.close()
})

test('a full disk is a clear error, loses nothing older, and leaves no temporary file', async (t) => {
  const directory = folder(t)
  const script = siblingOf(import.meta.url, './full-disk')
  const run = tmpfs()
    ? [
        'unshare',
        '-rm',
        'sh',
        '-c',
        `mount -t tmpfs -o size=256k,mode=700 none ${directory} && exec "$@"`,
        'sh',
      ]
    : ['prlimit', '--fsize=102400']
  const child = await startProcess(t, script, { under: run, args: [directory] })
  const report = JSON.parse(child.ready[1] as string) as Record<string, unknown>
  assert.equal(report.code, 'TULLE_STATE')
  assert.match(
    String(report.message),
    /(the disk is full|larger than this process may write).*nothing older is lost/,
  )
  assert.equal(report.full, true)
  assert.equal(report.old, 'old')
  assert.equal(report.other, 'other')
  assert.deepEqual(report.names, ['.lock', 'key', 'other'])
  assert.equal(report.afterwards, 'small')
})

function tmpfs(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}
