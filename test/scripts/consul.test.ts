import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { consulBinary, consulCache } from '../../scripts/consul.ts'

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-lookup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function writeConsul(path: string, version = '1.8.7'): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `#!/bin/sh\necho "Consul v${version}"\n`)
  chmodSync(path, 0o755)
}

const quiet = (): void => {}
const unused = (): Promise<void> => assert.fail('nothing was to be fetched')

test('CONSUL_BIN wins over the cache', async (t) => {
  const folder = emptyFolder(t)
  const env = { TULLE_CACHE: folder, CONSUL_BIN: join(folder, 'mine') }
  writeConsul(env.CONSUL_BIN, '1.19.0')
  writeConsul(join(consulCache(env), 'consul'))
  assert.deepEqual(await consulBinary({ env, fetch: unused }), { path: env.CONSUL_BIN, version: '1.19.0' })
})

test('a CONSUL_BIN that does not run is an error, never a reason to look elsewhere', async (t) => {
  const folder = emptyFolder(t)
  const fetch = unused
  const missing = { TULLE_CACHE: folder, CONSUL_BIN: join(folder, 'nothing') }
  await assert.rejects(consulBinary({ env: missing, fetch }), /CONSUL_BIN=.*nothing does not run: .*ENOENT/)
  writeFileSync(join(folder, 'other'), '#!/bin/sh\necho other\n', { mode: 0o755 })
  const other = { TULLE_CACHE: folder, CONSUL_BIN: join(folder, 'other') }
  await assert.rejects(consulBinary({ env: other, fetch }), /it is no Consul/)
})

test('what was fetched once is kept, and nothing else is left in the cache', async (t) => {
  const env = { XDG_CACHE_HOME: emptyFolder(t) }
  const path = join(env.XDG_CACHE_HOME, 'tulle', 'consul-1.8.7', 'consul')
  const fetch = async (binary: string) => writeConsul(binary)
  assert.deepEqual(await consulBinary({ env, fetch, tell: quiet }), { path, version: '1.8.7' })
  assert.deepEqual(readdirSync(dirname(path)), ['consul'])
  assert.deepEqual(await consulBinary({ env, fetch: unused }), { path, version: '1.8.7' })
})

test('several that ask at once end up with the same working binary', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  const fetch = async (binary: string) => writeConsul(binary)
  const found = await Promise.all([1, 2, 3, 4].map(() => consulBinary({ env, fetch, tell: quiet })))
  assert.equal(new Set(found.map(({ path }) => path)).size, 1)
  assert.deepEqual(readdirSync(consulCache(env)), ['consul'])
})

test('a fetch that fails is tried again, and its progress is told', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  const told: string[] = []
  let attempts = 0
  const fetch = async (binary: string) => {
    if (++attempts === 1) throw new Error('the mirror hung up')
    writeConsul(binary)
  }
  await consulBinary({ env, fetch, tell: (line) => told.push(line) })
  assert.match(told.join('\n'), /attempt 1 of 3 failed: the mirror hung up\nkept at /)
})

test('a fetch that never succeeds says what was tried, why it failed and what to do', async (t) => {
  const env = { TULLE_CACHE: emptyFolder(t) }
  const fetch = () => Promise.reject(new Error('the mirror hung up'))
  await assert.rejects(consulBinary({ env, fetch, tell: quiet }), (error: Error) => {
    assert.match(error.message, /tried: CONSUL_BIN, which is not set; the cache; Debian bullseye's package/)
    assert.match(error.message, /the mirror hung up\nSet CONSUL_BIN=/)
    return true
  })
  assert.deepEqual(readdirSync(consulCache(env)), [])
})
