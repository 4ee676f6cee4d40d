import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../src/config.ts'
import { firstCertificateMs, metaOf } from '../src/member-parts.ts'

const config = (env: Record<string, string> = {}) => readConfig({ env: { TULLE_SERVICE: 'orders', ...env } })

test('the wait for a first certificate ends before the start does, and after 5 s at the latest', () => {
  assert.equal(firstCertificateMs(config({ TULLE_START_TIMEOUT: '4s' })), 2000)
  assert.equal(firstCertificateMs(config({ TULLE_START_TIMEOUT: '1m' })), 5000)
})

test('a registry is told what was said, and nothing that was not', () => {
  assert.deepEqual(metaOf(config()), { weight: 1 })
  assert.deepEqual(metaOf(config({ TULLE_VERSION: '2', TULLE_ZONE: 'a', TULLE_WEIGHT: '3' })), {
    weight: 3,
    version: '2',
    zone: 'a',
  })
})
