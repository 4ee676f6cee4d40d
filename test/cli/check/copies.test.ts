import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkOpenTelemetry, checkUndici } from '../../../src/cli/check/copies.ts'

const copies = (...versions: string[]) => versions.map((version, at) => ({ version, path: `/app/${at}` }))

test('undici: one copy from 7.28 on', () => {
  const verdict = (node: string, ...versions: string[]) => checkUndici(copies(...versions), node).verdict
  assert.equal(verdict('v20.19.0', '7.28.0'), 'pass')
  assert.equal(verdict('v20.19.0', '7.27.9'), 'fail')
  assert.equal(verdict('v20.19.0'), 'fail')
  assert.equal(verdict('v20.19.0', '7.30.2', '6.21.0'), 'warn')
})

test('undici 8 breaks the fetch of older versions of Node, and not that of newer ones', () => {
  assert.match(checkUndici(copies('7.30.2', '8.0.0'), 'v22.1.0').says, /8\.0\.0 \(\/app\/1\): .*breaks/)
  assert.equal(checkUndici(copies('8.0.0'), 'v24.1.0').verdict, 'pass')
})

test('@opentelemetry/api: one version, from 1.9 on', () => {
  const verdict = (...versions: string[]) => checkOpenTelemetry(copies(...versions)).verdict
  assert.equal(verdict(), 'pass')
  assert.equal(verdict('1.9.1'), 'pass')
  assert.equal(verdict('1.10.0'), 'pass')
  assert.equal(verdict('1.8.0'), 'warn')
  assert.equal(verdict('1.9.0', '1.9.0'), 'warn')
  assert.match(checkOpenTelemetry(copies('1.9.0', '1.10.0')).hint ?? '', /silently/)
})
