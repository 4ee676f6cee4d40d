import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../src/plane/audit.ts'
import { AuditLines } from '../../src/plane/audit-lines.ts'

const entry = (route: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  time: 0,
  caller: 'admin',
  from: '127.0.0.1',
  route,
  status: 200,
  ...more,
})

function world() {
  const lines: object[] = []
  const log = {
    debug() {},
    info() {},
    warn: (message: string, fields: object = {}) => void lines.push({ message, ...fields }),
    error() {},
  }
  const state = { mayNote: true }
  return { lines, state, audit: new AuditLines({ log, mayNote: () => state.mayNote }) }
}

test('every entry is a warning of the process’s log', async () => {
  const { lines, audit } = world()
  await audit.append(entry('POST /v1/policy'))
  assert.deepEqual(lines, [{ message: 'audit', ...entry('POST /v1/policy') }])
})

test('refusals beyond what there is room for are counted, and the next one tells how many', () => {
  const { lines, state, audit } = world()
  state.mayNote = false
  audit.note(entry('a', { status: 401 }))
  audit.note(entry('b', { status: 401 }))
  assert.equal(lines.length, 0)
  state.mayNote = true
  audit.note(entry('c', { status: 401, detail: 'no token' }))
  audit.note(entry('d', { status: 401 }))
  assert.deepEqual(
    audit.recent().map(({ route, detail }) => [route, detail]),
    [
      ['c', '2 refusals before this one were too many; no token'],
      ['d', undefined],
    ],
  )
})

test('the newest are to be had, newest last, and no more than a thousand', async () => {
  const { audit } = world()
  for (let n = 0; n < 5000; n++) await audit.append(entry(`${n}`))
  assert.equal(audit.recent().length, 100)
  assert.deepEqual(
    audit.recent(2).map(({ route }) => route),
    ['4998', '4999'],
  )
  const all = audit.recent(10_000)
  assert.deepEqual([all.length, all[0]?.route], [1000, '4000'])
})
