import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findAdminToken } from '../../src/cli/admin-token.ts'
import { isMeshError } from '../../src/core/errors.ts'
import { FakeWorld, tokenText } from '../kit/command.ts'

const named = (name: string): string => tokenText('admin', { trustDomain: name })

async function world(t: TestContext, env: Record<string, string> = {}): Promise<FakeWorld> {
  const made = new FakeWorld()
  made.cwd = await mkdtemp(join(tmpdir(), 'tulle-admin-'))
  t.after(() => rm(made.cwd, { recursive: true, force: true }))
  made.env = env
  return made
}

async function held(at: FakeWorld, dir: string, token: string): Promise<void> {
  await mkdir(join(at.cwd, dir))
  await writeFile(join(at.cwd, dir, 'admin-token'), `${token}\n`)
}

test('options win over the environment, which wins over ./plane-state', async (t) => {
  const at = await world(t)
  await held(at, 'plane-state', named('default'))
  await held(at, 'other', named('dir'))
  await writeFile(join(at.cwd, 'env-file'), named('env-file'))
  const found = async (places = {}) => (await findAdminToken(places, at)).content.trustDomain
  assert.equal(await found(), 'default')
  at.env = { TULLE_ADMIN_TOKEN_FILE: 'env-file' }
  assert.equal(await found(), 'env-file')
  at.env = { ...at.env, TULLE_ADMIN_TOKEN: named('env') }
  assert.equal(await found(), 'env')
  assert.equal(await found({ dir: 'other' }), 'dir')
  assert.equal(await found({ dir: 'other', tokenFile: 'env-file' }), 'env-file')
})

async function refusal(at: FakeWorld, places = {}): Promise<{ message: string; hint: string }> {
  const error = await findAdminToken(places, at).then(
    () => assert.fail('a token was found'),
    (reason: unknown) => reason,
  )
  assert.ok(isMeshError(error))
  assert.equal(error.code, 'TULLE_CONFIG')
  return error
}

test('where none was given, the places are named', async (t) => {
  const { message, hint } = await refusal(await world(t))
  assert.match(message, /needs the admin token, and none was given/)
  for (const place of ['TULLE_ADMIN_TOKEN', '--token-file', '--dir']) assert.ok(hint.includes(place))
})

test('a file that cannot be read is named with the reason', async (t) => {
  const { message } = await refusal(await world(t), { tokenFile: 'no-such-file' })
  assert.match(message, /^--token-file: .*no-such-file cannot be read: ENOENT$/)
})

test('a join token in its place is told apart, and no part of it is printed', async (t) => {
  const token = tokenText('join', { service: 'orders' })
  const { message, hint } = await refusal(await world(t, { TULLE_ADMIN_TOKEN: token }))
  assert.match(message, /^TULLE_ADMIN_TOKEN holds a join token \(of orders\)/)
  assert.ok(!`${message}${hint}`.includes(token.slice(12, 30)))
})

test('half a token is none', async (t) => {
  const { message } = await refusal(await world(t, { TULLE_ADMIN_TOKEN: tokenText('admin').slice(0, 40) }))
  assert.match(message, /does not hold a token/)
})
