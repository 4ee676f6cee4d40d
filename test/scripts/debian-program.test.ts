import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { debianProgram, NGINX } from '../../scripts/debian-program.ts'

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-program-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const tell = (): void => {}
const unused = (): Promise<string> => assert.fail('nothing was to be fetched')

function writeNginx(path: string, says = 'nginx version: nginx/1.22.1'): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho "${says}" >&2\n`, { mode: 0o755 })
}

async function unpack(folder: string): Promise<string> {
  writeNginx(join(folder, 'root', NGINX.binary))
  return join(folder, 'root')
}

test('a program of one’s own wins over the cache and runs with its own libraries', async (t) => {
  const folder = emptyFolder(t)
  const env = { TULLE_CACHE: folder, NGINX_BIN: join(folder, 'mine') }
  writeNginx(env.NGINX_BIN)
  assert.deepEqual(await debianProgram(NGINX, { env, fetch: unused, tell }), {
    path: env.NGINX_BIN,
    env: {},
    version: 'nginx/1.22.1',
  })
})

test('one that is something else is an error that names its variable', async (t) => {
  const folder = emptyFolder(t)
  const env = { TULLE_CACHE: folder, NGINX_BIN: join(folder, 'other') }
  writeNginx(env.NGINX_BIN, 'something else')
  await assert.rejects(
    debianProgram(NGINX, { env, fetch: unused, tell }),
    /NGINX_BIN=.*other does not run: it is no nginx/,
  )
})

test('what was fetched once is kept with its libraries, and nothing else is left in the cache', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  const found = await debianProgram(NGINX, { env, fetch: unpack, tell })
  assert.equal(found.path, join(env.TULLE_CACHE, 'nginx-bookworm', NGINX.binary))
  assert.match(found.env.LD_LIBRARY_PATH ?? '', /nginx-bookworm\/usr\/lib\//)
  assert.deepEqual(readdirSync(env.TULLE_CACHE), ['nginx-bookworm'])
  assert.deepEqual(await debianProgram(NGINX, { env, fetch: unused, tell }), found)
})

test('a cache that does not run any more is filled again', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  mkdirSync(join(env.TULLE_CACHE, 'nginx-bookworm'))
  const { version } = await debianProgram(NGINX, { env, fetch: unpack, tell })
  assert.equal(version, 'nginx/1.22.1')
})

test('a fetch that never succeeds says what was tried, why it failed and what to do', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  const fetch = () => Promise.reject(new Error('the mirror hung up'))
  await assert.rejects(debianProgram(NGINX, { env, fetch, tell }), (error: Error) => {
    assert.match(
      error.message,
      /NGINX_BIN, which is not set; .*nginx-bookworm; Debian bookworm's packages nginx/,
    )
    assert.match(error.message, /the mirror hung up\nSet NGINX_BIN=/)
    return true
  })
  assert.deepEqual(readdirSync(env.TULLE_CACHE), [])
})
