import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkStateDirectory } from '../../../src/cli/check/state-directory.ts'

const user = process.getuid?.()

async function directory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tulle-state-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}
const verdicts = async (dir: string | undefined, keys = true, as = user): Promise<string[]> =>
  (await checkStateDirectory({ dir, keys, user: as })).map(({ verdict, says }) => `${verdict}: ${says}`)

test('none, or one that keeps no key: a restart needs the plane', async (t) => {
  assert.deepEqual(await verdicts(undefined), ['warn: no state directory: a restart needs the plane'])
  const dir = await directory(t)
  assert.deepEqual(await verdicts(dir, false), [
    `pass: the state directory ${dir} can be used`,
    'warn: the private key is not kept (TULLE_STATE_KEYS=off): a restart needs the plane',
  ])
})

test('one that is not there yet will be made', async (t) => {
  const dir = join(await directory(t), 'new')
  assert.deepEqual(await verdicts(dir), [`warn: the state directory ${dir} is not there yet`])
})

test('a file in its place', async (t) => {
  const file = join(await directory(t), 'file')
  await writeFile(file, '')
  assert.deepEqual(await verdicts(file), [`fail: ${file} is not a folder`])
})

test('one that others may write into is a failure, one they may look into a warning', {
  skip: user === undefined,
}, async (t) => {
  const dir = await directory(t)
  await chmod(dir, 0o777)
  assert.deepEqual(await verdicts(dir), [`fail: others may write into ${dir} (mode 0777)`])
  await chmod(dir, 0o755)
  assert.deepEqual(await verdicts(dir), [`warn: others may look into ${dir} (mode 0755)`])
})

test('a key that others may read is not believed, and the command that mends it is said', {
  skip: user === undefined,
}, async (t) => {
  const dir = await directory(t)
  const file = join(dir, 'identity.json')
  await writeFile(file, '{}', { mode: 0o644 })
  await chmod(file, 0o644)
  const [finding] = await checkStateDirectory({ dir, keys: true, user })
  assert.deepEqual(finding, {
    verdict: 'fail',
    says: `others may use ${file} (mode 0644), so it is not believed`,
    hint: `Run: chmod 600 ${file}`,
  })
})

test("another user's directory", { skip: user === undefined }, async (t) => {
  const dir = await directory(t)
  const [first] = await verdicts(dir, true, (user as number) + 1)
  assert.equal(first, `fail: ${dir} belongs to user ${user}, and this runs as ${(user as number) + 1}`)
})
