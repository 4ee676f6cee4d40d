import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEntry } from '../../../src/policy/consul/entry.ts'

test('fields that nobody here knows, nulls and empty texts are let pass', () => {
  const { entry } = readEntry('service-resolver', {
    Name: 'orders',
    ConnectTimeout: '15s',
    Redirect: null,
    DefaultSubset: '',
    Subsets: { v2: { Filter: 'Service.Meta.version == 2', OnlyPassing: null, Newer: {} } },
    PrioritizeByLocality: { Mode: 'failover' },
    CreateIndex: 12,
  })
  assert.equal(entry?.ConnectTimeout, 15_000)
  assert.deepEqual([entry?.Redirect, entry?.DefaultSubset], [undefined, undefined])
  assert.equal(entry?.Subsets?.v2?.OnlyPassing, false)
})

test('a field that is read and has another type refuses the entry, and says which and what it found', () => {
  const mistake = (kind: Parameters<typeof readEntry>[0], value: object) =>
    readEntry(kind, { Name: 'x', ...value }).mistake
  assert.equal(
    mistake('service-resolver', { ConnectTimeout: 'soon' }),
    'ConnectTimeout: expected a duration such as 15s, found "soon"',
  )
  assert.match(mistake('service-router', { Routes: {} }) ?? '', /^Routes: .*, found a mapping$/)
  assert.match(
    mistake('service-router', { Routes: [{ Destination: { NumRetries: -1 } }] }) ?? '',
    /^Routes\.0\.Destination\.NumRetries: .*, found -1$/,
  )
  assert.match(mistake('service-splitter', { Splits: [{ Weight: '90' }] }) ?? '', /Weight.*found "90"/)
  assert.match(readEntry('proxy-defaults', 'text').mistake ?? '', /found "text"/)
})
