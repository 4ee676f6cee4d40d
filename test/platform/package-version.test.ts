import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { packageVersion } from '../../src/platform/package-version.ts'
import { root } from '../kit/root.ts'

test('the version is the one of the package', () => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string }
  assert.equal(packageVersion(), version)
})
