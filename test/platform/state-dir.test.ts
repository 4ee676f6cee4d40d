import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { isMeshError } from '../../src/core/errors.ts'
import { stateDirectory } from '../../src/platform/state-dir.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tulle-state-'))
  folder = join(root, 'deep', 'state')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const text = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : new TextDecoder().decode(content)
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content)

/** Asserts TULLE_STATE with all of these in the message. */
async function refused(promise: Promise<unknown>, ...words: string[]): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(isMeshError(error), String(error))
    assert.equal(error.code, 'TULLE_STATE')
    for (const word of words) assert.ok(error.message.includes(word), `"${word}" in "${error.message}"`)
    return true
  })
}

test('what is written is read back, the folder is 0700 and the file 0600 whatever the umask', async () => {
  const umask = process.umask(0)
  try {
    const state = stateDirectory(folder)
    assert.equal(await state.read('identity.json'), undefined)
    await state.write('identity.json', bytes('one'))
    await state.write('identity.json', bytes('two'))
    assert.equal(text(await state.read('identity.json')), 'two')
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'identity.json')).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(folder), ['identity.json'])
    assert.equal(state.place, folder)
  } finally {
    process.umask(umask)
  }
})

test('a file that others may use is not believed, and the message has the command that mends it', async () => {
  const state = stateDirectory(folder)
  await state.write('identity.json', bytes('secret'))
  const file = join(folder, 'identity.json')
  for (const mode of [0o640, 0o604, 0o620, 0o660, 0o601]) {
    chmodSync(file, mode)
    await refused(state.read('identity.json'), file, `0${mode.toString(8)}`, `chmod 600 ${file}`)
  }
  chmodSync(file, 0o600)
  assert.equal(text(await state.read('identity.json')), 'secret')
})

test('a file of another user is not believed', {
  skip: process.getuid?.() !== 0 && 'needs root to make one',
}, async () => {
  const { chownSync } = await import('node:fs')
  const state = stateDirectory(folder)
  await state.write('identity.json', bytes('theirs'))
  chownSync(join(folder, 'identity.json'), 65_534, 65_534)
  await refused(state.read('identity.json'), 'belongs to user 65534', 'chown')
})

test('links, folders and files beyond the limit are not read', async () => {
  const state = stateDirectory(folder)
  mkdirSync(join(folder, 'folder.json'), { recursive: true })
  await refused(state.read('folder.json'), 'folder.json')
  writeFileSync(join(root, 'elsewhere'), 'x', { mode: 0o600 })
  symlinkSync(join(root, 'elsewhere'), join(folder, 'link.json'))
  await refused(state.read('link.json'), 'symbolic link')
  writeFileSync(join(folder, 'huge.json'), Buffer.alloc(16 * 2 ** 20 + 1), { mode: 0o600 })
  await refused(state.read('huge.json'), 'larger than 16777216')
  await refused(state.write('huge.json', new Uint8Array(16 * 2 ** 20 + 1)), 'larger than 16777216')
})

test('a folder that is a file, and a name that leads elsewhere, are refused by name', async () => {
  writeFileSync(join(root, 'deep'), 'a file')
  const state = stateDirectory(folder)
  await refused(state.write('policy.json', bytes('x')), 'policy.json', 'cannot be written')
  await refused(state.read('policy.json'), 'not a folder')
  for (const name of ['../policy.json', '/etc/passwd', '.hidden', '', 'a/b', 'A.json', 'a.b.c', 'nul\0.json'])
    await refused(state.read(name), 'is not a name')
})

test('what a killed process left half written is ignored, and cleaned once no writer can still own it', async () => {
  await stateDirectory(folder).write('identity.json', bytes('good'))
  const old = join(folder, '.identity.json.00112233445566ff.tmp')
  const young = join(folder, '.identity.json.aa112233445566ff.tmp')
  const foreign = join(folder, '.identity.json.swp')
  for (const file of [old, young, foreign]) writeFileSync(file, '{"half":', { mode: 0o600 })
  const past = Date.now() / 1000 - 120
  utimesSync(old, past, past)
  utimesSync(foreign, past, past)
  const state = stateDirectory(folder)
  assert.equal(text(await state.read('identity.json')), 'good')
  assert.equal(existsSync(old), false, 'nobody writes for two minutes')
  assert.equal(existsSync(young), true, 'another process may be about to rename it')
  assert.equal(existsSync(foreign), true, 'not ours')
})

test('a write that cannot be finished leaves the older content and nothing beside it', async () => {
  const state = stateDirectory(folder)
  await state.write('trust.json', bytes('older'))
  mkdirSync(join(folder, 'taken.json', 'full'), { recursive: true })
  await refused(state.write('taken.json', bytes('x')), 'taken.json', 'still in force')
  assert.deepEqual(readdirSync(folder).sort(), ['taken.json', 'trust.json'])
  await state.write('trust.json', bytes('newer'))
  assert.equal(readFileSync(join(folder, 'trust.json'), 'utf8'), 'newer')
})

test('of writes at the same time the last one asked for wins, and no reader ever sees a part', async () => {
  const state = stateDirectory(folder)
  const contents = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, '0').repeat(10_000))
  const writes = contents.map((content) => state.write('endpoints.json', bytes(content)))
  const seen = new Set<string | undefined>()
  let over = false
  const reading = (async () => {
    while (!over) seen.add(text(await state.read('endpoints.json')))
  })()
  await Promise.all(writes)
  over = true
  await reading
  assert.equal(text(await state.read('endpoints.json')), contents.at(-1))
  for (const content of seen) assert.ok(content === undefined || contents.includes(content))
})

test('removing what is not there is no mistake, and what was removed is gone', async () => {
  const state = stateDirectory(folder)
  await state.remove('identity.json')
  await state.write('identity.json', bytes('x'))
  await state.remove('identity.json')
  assert.equal(await state.read('identity.json'), undefined)
})
