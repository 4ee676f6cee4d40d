import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readDocument } from '../../src/control/document.ts'
import { openPlane } from '../../src/plane/open.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Cleanup } from '../kit/process.ts'

function options(t: Cleanup) {
  const directory = mkdtempSync(join(tmpdir(), 'tulle-open-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return {
    directory,
    clock: systemClock,
    wall: Date.now,
    random: () => 0.5,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    readYaml: readDocument,
    dev: true,
    admins: [],
    policyHosts: ['*'],
    version: '0.0.0',
    urls: () => ['https://127.0.0.1:7400'],
  }
}

test('where one part cannot be closed the others are, and the directory is free', async (t) => {
  const given = options(t)
  const opened = await openPlane(given)
  opened.parts.policies.close = () => Promise.reject(new Error('it hangs'))
  await assert.rejects(opened.close(), /it hangs/)
  assert.equal(existsSync(join(given.directory, '.lock')), false)
  const again = await openPlane(given)
  await again.close()
})

test('an opening that fails leaves the directory free, and says why', async (t) => {
  const given = options(t)
  await assert.rejects(openPlane({ ...given, trustDomain: 'No Domain' }), /cannot be a trust domain/)
  const opened = await openPlane({ ...given, directory: join(given.directory, 'fresh') })
  await opened.close()
  assert.equal(existsSync(join(given.directory, '.lock')), false)
})
